from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tinderbox.errors import Conflict, NotFound, TinderboxError
from tinderbox.models.store import Store
from tinderbox.state import MIGRATIONS, backups, opened, restore, writing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEWEST = len(list(MIGRATIONS.glob("*.sql")))


def migrations(folder: Path, *scripts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, script in enumerate(scripts, 1):
        (folder / f"{number:04}_step.sql").write_text(script)
    return folder


def test_a_new_home_gets_the_whole_schema(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "home") as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

        assert {"models", "model_files"} <= tables
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(list(MIGRATIONS.glob("*.sql")))
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_migration_keeps_a_backup_of_what_was(tmp_path: Path) -> None:
    steps = migrations(tmp_path / "steps", "CREATE TABLE a (x);")
    with opened(tmp_path, steps) as db:
        db.execute("INSERT INTO a VALUES (7)")

    with opened(tmp_path, migrations(steps, "CREATE TABLE a (x);", "DROP TABLE a; CREATE TABLE b (y);")) as db:
        assert db.execute("SELECT count(*) FROM b").fetchone() == (0,)

    backup = sqlite3.connect(tmp_path / "state.db.before-2")
    assert backup.execute("SELECT x FROM a").fetchone() == (7,)
    backup.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    steps = migrations(tmp_path / "steps", "CREATE TABLE a (x);")
    with opened(tmp_path, steps):
        pass

    broken = migrations(steps, "CREATE TABLE a (x);", "CREATE TABLE b (y); CREATE TABLE a (x);")
    with pytest.raises(TinderboxError, match="already exists"), opened(tmp_path, broken):
        pass

    (steps / "0002_step.sql").unlink()
    with opened(tmp_path, steps) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'b'").fetchone() is None


def test_a_newer_schema_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(Conflict, match=r"newer Tinderbox \(schema 99") as refused, opened(tmp_path):
        pass

    assert "Update" in refused.value.remedy


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all, but long enough to be looked at " * 40)

    with pytest.raises(TinderboxError, match=r"state\.db cannot be used"), opened(tmp_path):
        pass


NO_ROOM = """
import resource, sys
from pathlib import Path
from tinderbox.errors import TinderboxError
from tinderbox.state import opened

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    with opened(Path(sys.argv[1])) as db:
        print(db.execute("SELECT count(*) FROM models").fetchone()[0])
except TinderboxError as error:
    print(error.remedy)
"""


def read_without_room(home: Path) -> str:
    """What a process says that may read the state of `home`, and write no file at all, as on a full disk."""
    command = [sys.executable, "-c", NO_ROOM, str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_while_it_is_held_open_it_is_read_on_a_full_disk(tmp_path: Path) -> None:
    with opened(tmp_path):
        found = read_without_room(tmp_path)

    assert found == "0"


def test_a_full_disk_is_not_taken_for_a_broken_state(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "state.db.before-2").touch()

    assert read_without_room(tmp_path) == "Look at the folder's rights and room."


def test_a_new_state_has_nothing_to_back_up(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass

    assert not list(tmp_path.glob("state.db.before-*"))


def write_and_fail(db: sqlite3.Connection) -> None:
    with writing(db):
        db.execute("INSERT INTO models VALUES ('a', NULL, 's', 't')")
        raise ZeroDivisionError


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        with pytest.raises(ZeroDivisionError):
            write_and_fail(db)

        assert db.execute("SELECT count(*) FROM models").fetchone() == (0,)


def test_the_steps_that_ship_are_numbered_one_by_one() -> None:
    numbers = sorted(int(step.name.partition("_")[0]) for step in MIGRATIONS.glob("*.sql"))

    assert numbers == list(range(1, len(numbers) + 1))


def earlier_state(home: Path, number: int) -> None:
    """A state as the release wrote it that knew the first `number` steps, with a model in it."""
    steps = home / f"steps-{number}"
    steps.mkdir()
    for step in sorted(MIGRATIONS.glob("*.sql"))[:number]:
        shutil.copy(step, steps)
    with opened(home, steps) as db:
        db.execute("INSERT INTO models VALUES ('old:1b', 'MIT', 'file:old.gguf', '2025-01-01T00:00:00+00:00')")
        db.execute("INSERT INTO model_files VALUES ('old:1b', 0, 'old.gguf', ?, 7)", ["ab" * 32])


@pytest.mark.parametrize("number", range(1, NEWEST))
def test_the_state_of_every_earlier_schema_is_brought_up_to_date(tmp_path: Path, number: int) -> None:
    earlier_state(tmp_path, number)

    (model,) = Store(tmp_path).models()

    assert (model.name, model.licence, model.size, model.sha256) == ("old:1b", "MIT", 7, "ab" * 32)
    assert backups(tmp_path) == [number + 1]


@pytest.mark.parametrize("number", range(2, NEWEST))
def test_what_was_measured_outlives_the_updates(tmp_path: Path, number: int) -> None:
    earlier_state(tmp_path, number)
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("INSERT INTO loads VALUES ('old:1b', 'llama.cpp', 8192, 4, 100, 110)")
    db.close()

    with opened(tmp_path) as today:
        assert today.execute("SELECT model, predicted, measured FROM loads").fetchall() == [("old:1b", 100, 110)]


def test_a_rollback_brings_back_what_was_and_keeps_what_is(tmp_path: Path) -> None:
    earlier_state(tmp_path, 3)
    with opened(tmp_path) as db:
        db.execute("DELETE FROM models")

    aside = restore(tmp_path, 4, NOON)

    with opened(tmp_path, tmp_path / "steps-3") as before:  # the release of then opens it
        assert before.execute("SELECT name FROM models").fetchall() == [("old:1b",)]
    with sqlite3.connect(aside) as after:
        assert after.execute("SELECT count(*) FROM models").fetchone() == (0,)
        assert after.execute("PRAGMA user_version").fetchone() == (NEWEST,)
    after.close()


def test_a_state_that_is_broken_can_be_rolled_back(tmp_path: Path) -> None:
    earlier_state(tmp_path, NEWEST - 1)
    with opened(tmp_path):
        pass
    (tmp_path / "state.db").write_bytes(b"no database at all, but long enough to be looked at " * 40)
    with pytest.raises(TinderboxError) as broken, opened(tmp_path):
        pass

    restore(tmp_path, NEWEST, NOON)

    assert broken.value.remedy.endswith(f"tinderbox doctor --restore-state {NEWEST}")
    assert [model.name for model in Store(tmp_path).models()] == ["old:1b"]


def test_a_backup_that_is_missing_or_broken_changes_nothing(tmp_path: Path) -> None:
    earlier_state(tmp_path, 3)
    (tmp_path / "state.db.before-3").write_bytes(b"no database at all, but long enough to be looked at " * 40)

    with pytest.raises(NotFound, match="before-9") as missing:
        restore(tmp_path, 9, NOON)
    with pytest.raises(TinderboxError, match="before-3 cannot be used"):
        restore(tmp_path, 3, NOON)

    assert missing.value.remedy == "Backups from before an update: 3."
    assert [model.name for model in Store(tmp_path).models()] == ["old:1b"]

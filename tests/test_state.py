from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tinderbox.errors import Conflict, TinderboxError
from tinderbox.state import MIGRATIONS, opened, writing


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

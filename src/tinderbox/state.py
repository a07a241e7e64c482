"""The state: one SQLite database under the home folder, with numbered migrations and a backup before they are taken.

A migration is a file `migrations/NNNN_what.sql`; the number of the last one applied is the database's `user_version`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from tinderbox.errors import Conflict, NotFound, TinderboxError

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 10.0  # seconds to wait for another process's write


@contextmanager
def opened(home: Path, migrations: Path = MIGRATIONS) -> Iterator[sqlite3.Connection]:
    """A connection to the home's database, brought up to date, closed at the end.

    Statements commit one by one; `with writing(db):` joins several. Raises Conflict for a schema that is newer than
    this program.
    """
    database = home / "state.db"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(database, timeout=PATIENCE, isolation_level=None)) as db:
            _prepare(db, database, migrations)
            yield db
    except (sqlite3.OperationalError, PermissionError, FileExistsError, NotADirectoryError) as error:
        raise TinderboxError(f"{database} cannot be used: {error}.", "Look at the folder's rights and room.") from error


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """All of the statements inside, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:  # whatever ended it, Ctrl-C too, nothing of it may stay
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def restore(home: Path, number: int, now: datetime) -> Path:
    """Put the state back as it was before migration `number`; returns where the present one lies from now on.

    For a home without a running box. Raises NotFound where there is no such backup, Conflict where another program
    uses the state.
    """
    database, backup = home / "state.db", home / f"state.db.before-{number}"
    if not backup.exists():
        known = ", ".join(map(str, backups(home))) or "none"
        raise NotFound(f"{backup} is not there.", f"Backups from before an update: {known}.")
    fresh, aside = home / "state.db.restored", home / f"state.db.replaced-{now:%Y%m%dT%H%M%S%f}"
    fresh.unlink(missing_ok=True)
    try:
        _copy(backup, fresh)
    except sqlite3.DatabaseError as error:
        raise TinderboxError(f"{backup} cannot be used: {error}.", "Nothing was changed.") from error
    _fold(database)
    for ending in ("-wal", "-shm", ""):  # the database last: what is cut short leaves one that opens
        with suppress(FileNotFoundError):
            (home / f"state.db{ending}").rename(f"{aside}{ending}")
    fresh.replace(database)
    return aside


def backups(home: Path) -> list[int]:
    """The migrations before which the state was kept."""
    numbers = (path.name.removeprefix("state.db.before-") for path in home.glob("state.db.before-*"))
    return sorted(int(number) for number in numbers if number.isdigit())


def _fold(database: Path) -> None:
    """All of a database into its one file. One that is broken stays as it is."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(database, timeout=PATIENCE)) as db:
        if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise Conflict(f"{database} is used by another program.", "End it and try again.")


def _prepare(db: sqlite3.Connection, database: Path, migrations: Path) -> None:
    try:
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        _migrate(db, database, migrations)
    except sqlite3.OperationalError:  # the folder's, not the content's: a full disk, rights, another's long write
        raise
    except sqlite3.DatabaseError as error:
        raise TinderboxError(f"{database} cannot be used: {error}.", _remedy(database)) from error


def _migrate(db: sqlite3.Connection, database: Path, migrations: Path) -> None:
    steps = sorted(migrations.glob("[0-9]*.sql"))
    newest = _number(steps[-1])
    if _version(db) == newest:
        return
    with writing(db):
        version = _version(db)  # again, now that nobody else can write
        if version > newest:
            raise Conflict(
                f"{database} was written by a newer Tinderbox (schema {version}; this one knows {newest}).",
                "Update Tinderbox, or point TINDERBOX_HOME at another folder.",
            )
        if version:  # a new state has nothing to lose
            _back_up(database, before=version + 1)
        for step in steps[version:]:
            for statement in _statements(step.read_text()):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_number(step)}")


def _back_up(database: Path, before: int) -> None:
    """The state as it was, beside it; one for all of the steps that an update takes together."""
    target = database.with_name(f"state.db.before-{before}")
    unfinished = target.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    _copy(database, unfinished)
    unfinished.replace(target)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as copy:
        reader.backup(copy)
        if (found := copy.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _statements(script: str) -> Iterator[str]:
    """One by one, so that they join in one transaction; a semicolon within a text or a trigger ends nothing."""
    statement = ""
    for piece in script.split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _number(step: Path) -> int:
    return int(step.name.partition("_")[0])


def _remedy(database: Path) -> str:
    kept = backups(database.parent)
    if not kept:
        return "Move it away; the models can be pulled again."
    return f"Put the last backup back with: tinderbox doctor --restore-state {kept[-1]}"

"""What the tool `sql` does: one statement on one SQLite file, read-only unless the agent's file says otherwise.

Three things hold it: the file is opened to be read, an authorizer is asked about each thing that a statement would do,
and a count of the steps ends what takes too long.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from tinderbox.agents.folder import Folder
from tinderbox.errors import BadRequest, NotFound, TinderboxError
from tinderbox.units import MiB

ROWS = 200
SECONDS = 10.0
_STEPS_BETWEEN_LOOKS = 10_000
_READ = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_WRITE = _READ | {
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_DROP_VIEW,
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_REINDEX,
    sqlite3.SQLITE_ANALYZE,
}
_PRAGMAS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
_FUNCTIONS_REFUSED = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"}
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 16 * MiB,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def ask(file: Path, statement: str, *, write: bool = False, rows: int = ROWS, seconds: float = SECONDS) -> str:
    """The answer's rows under their names. Raises BadRequest with SQLite's words and the tables there are."""
    with _opened(file, write=write, seconds=seconds) as db:
        try:
            found = db.execute(statement)
            names = [column[0] for column in found.description or ()]
            listed = found.fetchmany(rows + 1)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise BadRequest(f"SQLite says: {_words(error, seconds)}.", _remedy(file), "statement") from error
        changed = found.rowcount
    if not names:
        return f"Done; {changed} rows changed." if changed >= 0 else "Done."
    lines = [" | ".join(names), *(" | ".join(map(_cell, row)) for row in listed[:rows])]
    more = f"[The first {rows} rows; there are more. Use LIMIT, or count and sum in SQL.]"
    return "\n".join([*lines, more] if len(listed) > rows else [*lines, f"[{len(listed)} rows]"])


def describe(file: Path) -> str:
    """The tables with their columns, one a line."""
    with _opened(file, write=False, seconds=SECONDS) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name").fetchall()
        lines = []
        for (name,) in tables:
            quoted = name.replace('"', '""')
            columns = db.execute(f'PRAGMA table_info("{quoted}")').fetchall()
            lines.append(f"{name}({', '.join(f'{column} {kind}'.strip() for _, column, kind, *_ in columns)})")
    return "\n".join(line for line in lines if not line.startswith("sqlite_"))


@contextmanager
def _opened(file: Path, *, write: bool, seconds: float) -> Iterator[sqlite3.Connection]:
    """Raises NotFound, and NotAllowed where the way leads through a link."""
    try:
        with Folder("data", file.parent).open_file(file.name):
            pass
    except NotFound as error:
        raise NotFound(f"The database {file.name} is not there.") from error
    address = f"file:{quote(str(file))}?mode={'rw' if write else 'ro'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None)) as db:
            _hold(db, write=write, seconds=seconds)
            yield db
    except sqlite3.Error as error:
        raise BadRequest(f"{file.name} cannot be read: {_words(error, seconds)}.") from error


def _hold(db: sqlite3.Connection, *, write: bool, seconds: float) -> None:
    for limit, most in _LIMITS.items():
        db.setlimit(limit, most)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA temp_store = MEMORY")
    if not write:
        db.execute("PRAGMA query_only = ON")
    db.set_authorizer(_writer if write else _reader)
    until = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)


def _reader(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    return _verdict(action, first, second, _READ)


def _writer(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    return _verdict(action, first, second, _WRITE)


def _verdict(action: int, first: str | None, second: str | None, allowed: set[int]) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if (first or "").lower() in _PRAGMAS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in _FUNCTIONS_REFUSED else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _words(error: Exception, seconds: float) -> str:
    words = str(error).rstrip(".")
    if words == "interrupted":
        return f"it took longer than {seconds:g} s"
    return "this is not allowed here" if "authoriz" in words else words


def _remedy(file: Path) -> str:
    with suppress(TinderboxError):
        return f"There are: {describe(file)[:1000]}"
    return ""


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    return f"({len(value)} bytes)" if isinstance(value, bytes) else str(value).replace("\n", " ")

"""`Index`: the passages of documents, found by their words (SQLite's FTS5) and by what they mean (sqlite-vec).

It is a copy that can be made again at any time: one file a tool, thrown away where it cannot be read. Python's own
`sqlite3` loads no extension in many of its builds, so this one asks SQLite through `apsw`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox.agents.passages import Passage
from tinderbox.errors import Unavailable

if TYPE_CHECKING:
    import apsw

_VERSION = 1  # of the tables, and of how documents are cut
_PATIENCE = 10_000  # milliseconds that another run of the same agent may hold the file
_WORD = re.compile(r"\w+")
_TABLES = """
CREATE TABLE documents(path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, digest TEXT) WITHOUT ROWID;
CREATE TABLE passages(id INTEGER PRIMARY KEY, path TEXT, first INTEGER, last INTEGER, text TEXT, is_embedded INTEGER);
CREATE INDEX passages_of ON passages(path);
CREATE INDEX passages_left ON passages(is_embedded);
CREATE VIRTUAL TABLE words USING fts5(title, text, tokenize = "porter unicode61 remove_diacritics 2");
CREATE TABLE settings(model TEXT, numbers INTEGER);
INSERT INTO settings VALUES (NULL, 0);
"""


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a file: bytes, when it was changed (nanoseconds), and the digest of its content."""

    size: int
    changed: int
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """Lines `first` to `last` of a document, and what stands there."""

    path: str
    first: int
    last: int
    text: str


class Index:
    """Over one open file. `model` is the one whose vectors are kept; with another, they are made anew."""

    def __init__(self, db: apsw.Connection, model: str) -> None:
        self._db = db
        self._model = model
        ((kept, numbers),) = self._db.execute("SELECT model, numbers FROM settings")
        self._numbers = numbers if kept == model else self._restart()

    def documents(self) -> Mapping[str, Document]:
        rows = self._db.execute("SELECT path, size, changed, digest FROM documents")
        return {path: Document(*about) for path, *about in rows}

    def touch(self, path: str, document: Document) -> None:
        """The file was written again, with the same in it."""
        self._db.execute("UPDATE documents SET size = ?, changed = ? WHERE path = ?", (*_stamp(document), path))

    def put(self, path: str, document: Document, passages: Sequence[Passage]) -> None:
        """What the file holds now, whole or not at all."""
        with self._db:
            self._drop(path)
            row = (path, *_stamp(document), document.digest)
            self._db.execute("INSERT INTO documents(path, size, changed, digest) VALUES (?, ?, ?, ?)", row)
            for passage in passages:
                place = (path, passage.first, passage.last, passage.text)
                self._db.execute(
                    "INSERT INTO passages(path, first, last, text, is_embedded) VALUES (?, ?, ?, ?, 0)", place
                )
                title = f"{path} {passage.heading}"
                words = (self._db.last_insert_rowid(), title, passage.text)
                self._db.execute("INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)", words)

    def forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            with self._db:
                self._drop(path)

    def unembedded(self, most: int) -> list[tuple[int, str]]:
        """Passages without a vector yet, each under its document's name and heading."""
        rows = self._db.execute(
            "SELECT id, title || char(10) || words.text FROM passages JOIN words ON words.rowid = id"
            " WHERE is_embedded = 0 ORDER BY id LIMIT ?",
            (most,),
        )
        return [(number, text) for number, text in rows]

    def embed(self, vectors: Mapping[int, Sequence[float]]) -> None:
        """Keep vectors by the passages' numbers; those of a passage that has gone meanwhile are left out."""
        with self._db:
            for number, vector in vectors.items():
                self._make_room(len(vector))
                self._db.execute("UPDATE passages SET is_embedded = 1 WHERE id = ?", (number,))
                if self._db.changes():
                    self._db.execute("DELETE FROM vectors WHERE passage = ?", (number,))
                    row = (number, json.dumps(vector))
                    self._db.execute("INSERT INTO vectors(passage, vector) VALUES (?, ?)", row)

    def counts(self) -> tuple[int, int]:
        """How many passages there are, and how many of them have a vector."""
        ((total, embedded),) = self._db.execute("SELECT count(*), coalesce(sum(is_embedded), 0) FROM passages")
        return total, embedded

    def by_words(self, question: str, most: int) -> list[int]:
        """The passages that hold the question's words, the best first."""
        asked = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(question)))
        if not asked:
            return []
        rows = self._db.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (asked, most))
        return [number for (number,) in rows]

    def by_meaning(self, vector: Sequence[float], most: int) -> list[int]:
        """The passages whose vectors are nearest, the nearest first."""
        if self._numbers != len(vector):
            return []
        rows = self._db.execute(
            "SELECT passage FROM vectors WHERE vector MATCH ? AND k = ? ORDER BY distance", (json.dumps(vector), most)
        )
        return [number for (number,) in rows]

    def found(self, numbers: Sequence[int]) -> list[Found]:
        rows = self._db.execute(
            "SELECT id, path, first, last, text FROM passages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        known = {number: Found(*about) for number, *about in rows}
        return [known[number] for number in numbers if number in known]

    def _drop(self, path: str) -> None:
        for table, key in (("words", "rowid"), *([("vectors", "passage")] if self._numbers else [])):
            wanted = f"DELETE FROM {table} WHERE {key} IN (SELECT id FROM passages WHERE path = ?)"  # noqa: S608
            self._db.execute(wanted, (path,))
        self._db.execute("DELETE FROM passages WHERE path = ?", (path,))
        self._db.execute("DELETE FROM documents WHERE path = ?", (path,))

    def _restart(self) -> int:
        """No vectors, and the model whose there will be."""
        with self._db:
            self._db.execute("DROP TABLE IF EXISTS vectors")
            self._db.execute("UPDATE passages SET is_embedded = 0")
            self._db.execute("UPDATE settings SET model = ?, numbers = 0", (self._model,))
        return 0

    def _make_room(self, numbers: int) -> None:
        """A table for vectors of so many numbers; a model that was replaced may make others."""
        if numbers == self._numbers:
            return
        self._restart()
        self._db.execute(
            f"CREATE VIRTUAL TABLE vectors USING vec0(passage INTEGER PRIMARY KEY,"
            f" vector float[{numbers}] distance_metric=cosine)"
        )
        self._db.execute("UPDATE settings SET numbers = ?", (numbers,))
        self._numbers = numbers


@contextmanager
def open_index(file: Path, model: str = "") -> Iterator[Index]:
    """The index in that file, made where it is not there, or is none. Raises Unavailable where it cannot be had."""
    try:
        import apsw
        import sqlite_vec
    except ImportError as error:
        raise Unavailable("Search needs the environment for agents.", "Make it with: tinderbox add agents") from error
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        db = _opened(file, sqlite_vec.loadable_path())
    except (apsw.NotADBError, apsw.CorruptError):
        for part in ("", "-wal", "-shm"):
            Path(f"{file}{part}").unlink(missing_ok=True)
        db = _opened(file, sqlite_vec.loadable_path())
    try:
        yield Index(db, model)
    except apsw.BusyError as error:
        raise Unavailable("Another run of this agent is reading the same documents.", "Try again.") from error
    finally:
        db.close()


def _opened(file: Path, extension: str) -> apsw.Connection:
    """Raises apsw.CorruptError for a file that another version made."""
    import apsw

    db = apsw.Connection(str(file))
    try:
        db.set_busy_timeout(_PATIENCE)
        db.transaction_mode = "IMMEDIATE"
        db.enable_load_extension(True)
        db.load_extension(extension)
        db.enable_load_extension(False)
        db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        with db:
            made = db.pragma("user_version")
            if made == 0:
                db.execute(_TABLES)
                db.pragma("user_version", _VERSION)
        if made not in (0, _VERSION):
            raise apsw.CorruptError(f"tables of version {made}")
    except apsw.Error:
        db.close()
        raise
    return db


def _stamp(document: Document) -> tuple[int, int]:
    return document.size, document.changed

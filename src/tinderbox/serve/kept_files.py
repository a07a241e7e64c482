"""Files that clients sent, under `files` in the home folder: each is its owner's alone, and so are folder and files.

    files/file-…        one file's content
    files/part-…        one on its way

Their names and ends stand in the state. No file is ever seen in part; a content whose row a crash took lies unseen.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tinderbox.engines.caches import DISK_RESERVE
from tinderbox.errors import NoRoom, NoSuchFile, TooLarge
from tinderbox.state import opened, writing
from tinderbox.units import MB, Bytes, format_bytes

FOLDER = "files"
LARGEST = 512 * MB  # one file
_LONGEST_NAME = 255  # characters
_COLUMNS = "id, filename, purpose, size, created, expires"
# What a key left that was revoked or forgotten is nobody's else: it belongs to the person at this machine.
_OWNERS = "(owner, CASE WHEN owner IN (SELECT id FROM keys WHERE revoked IS NULL) THEN owner ELSE '' END)"
_LIVE = f"? IN {_OWNERS} AND (expires IS NULL OR expires > ?)"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """`created` and `expires` in seconds since 1970; without `expires` it stays until it is deleted."""

    id: str
    filename: str
    purpose: str
    size: Bytes
    created: float
    expires: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": int(self.created),
            "expires_at": None if self.expires is None else int(self.expires),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a file besides its content; `lasts` is in seconds."""

    filename: str
    purpose: str
    lasts: float | None = None


class KeptFiles:
    """The files of a home, `largest` bytes each at most; `reserve` of free disk is left to others."""

    def __init__(
        self,
        home: Path,
        clock: Callable[[], float] = time.time,
        largest: Bytes = LARGEST,
        reserve: Bytes = DISK_RESERVE,
    ) -> None:
        self.folder = home / FOLDER
        self.largest = largest
        self._home = home
        self._clock = clock
        self._reserve = reserve

    @contextmanager
    def incoming(self, expected: Bytes = 0) -> Iterator[Incoming]:
        """Takes a file in; unless it is kept, nothing stays of it. Raises NoRoom where `expected` bytes find none."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check_room(expected)
        part = self.folder / f"part-{secrets.token_hex(12)}"
        try:
            part.touch(mode=0o600)
            with part.open("wb") as file:
                yield Incoming(self, part, file)
        finally:
            part.unlink(missing_ok=True)

    def check_room(self, size: Bytes) -> None:
        free = shutil.disk_usage(self.folder).free
        if free - size < self._reserve:
            what = f"{format_bytes(free)} of disk is free, of which {format_bytes(self._reserve)} stays so."
            raise NoRoom(f"The file finds no room: {what}", "Delete what is not needed.")

    def take_in(self, part: Path, owner: str, label: Label, size: Bytes) -> KeptFile:
        """Puts a whole, synced file in its place."""
        now = self._clock()
        expires = now + label.lasts if label.lasts is not None else None
        kept = KeptFile(f"file-{secrets.token_hex(16)}", _tamed(label.filename), label.purpose, size, now, expires)
        self.forget_expired()
        with opened(self._home) as db, writing(db):
            row = (kept.id, owner, kept.filename, kept.purpose, kept.size, kept.created, kept.expires)
            db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            part.replace(self.folder / kept.id)
        return kept

    def find(self, owner: str, id: str) -> KeptFile:
        """Raises NoSuchFile."""
        with opened(self._home) as db:
            query = f"SELECT {_COLUMNS} FROM files WHERE id = ? AND {_LIVE}"  # noqa: S608  (our own words)
            row = db.execute(query, (id, owner, self._clock())).fetchone()
        if row is None:
            raise NoSuchFile(f"There is no file '{id[:100]}'.", "It is not yours, has expired, or was deleted.")
        return KeptFile(*row)

    def content(self, file: KeptFile) -> Path:
        """Raises NoSuchFile where somebody removed it from the disk."""
        path = self.folder / file.id
        if not path.exists():
            raise NoSuchFile(f"The content of '{file.id}' is gone.", "Delete it and send it again.")
        return path

    def list(self, owner: str, purpose: str | None = None) -> list[KeptFile]:
        """The oldest first."""
        query = f"SELECT {_COLUMNS} FROM files WHERE {_LIVE} ORDER BY created, id"  # noqa: S608  (our own words)
        with opened(self._home) as db:
            files = [KeptFile(*row) for row in db.execute(query, (owner, self._clock()))]
        return [file for file in files if purpose in (None, file.purpose)]

    def delete(self, owner: str, id: str) -> None:
        """Raises NoSuchFile."""
        file = self.find(owner, id)
        (self.folder / file.id).unlink(missing_ok=True)
        with opened(self._home) as db:
            db.execute("DELETE FROM files WHERE id = ?", (file.id,))

    def forget_expired(self) -> None:
        with opened(self._home) as db:
            expired = db.execute("DELETE FROM files WHERE expires <= ? RETURNING id", (self._clock(),)).fetchall()
        for (name,) in expired:
            (self.folder / name).unlink(missing_ok=True)

    def tidy(self) -> None:
        """When the box starts: drops what came in part, and what has expired."""
        for part in self.folder.glob("part-*"):
            part.unlink(missing_ok=True)
        if self.folder.exists():
            self.forget_expired()


class Incoming:
    """One file on its way."""

    def __init__(self, files: KeptFiles, part: Path, file: BinaryIO) -> None:
        self._files = files
        self._part = part
        self._file = file
        self.size: Bytes = 0

    def write(self, piece: bytes) -> None:
        """Raises TooLarge and NoRoom."""
        self.size += len(piece)
        if self.size > self._files.largest:
            raise TooLarge(f"The file is larger than {format_bytes(self._files.largest)}.", "Send it in parts.", "file")
        self._files.check_room(len(piece))
        try:
            self._file.write(piece)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise NoRoom("The disk became full.", "Delete what is not needed.") from error

    def keep(self, owner: str, label: Label) -> KeptFile:
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._files.take_in(self._part, owner, label, self.size)


def _tamed(filename: str) -> str:
    """Its last part, without characters that no screen shows. It is told to clients, and never opened by."""
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME] or "file"

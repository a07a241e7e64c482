"""`Folder`: a place on the disk that a tool may use, and no way out of it.

Paths are walked one name at a time, each opened below the one before and none through a link. So neither `..`, nor an
absolute path, nor a link that code in the sandbox made a moment ago leads elsewhere.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tinderbox.errors import NotAllowed, NotFound

_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the way must not hold us up


@dataclass(frozen=True, slots=True)
class Folder:
    """`name` is what the agent calls it; `write` says whether it may be changed."""

    name: str
    path: Path
    write: bool = False

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The folder's descriptor. Raises NotAllowed where the way to it leads through a link."""
        with _walked(_root(), self.path.parts[1:], said=str(self.path)) as found:
            yield found

    @contextmanager
    def open_file(self, path: str, most: int | None = None) -> Iterator[int]:
        """A regular file within it, to be read; raises NotAllowed where it has more than `most` bytes."""
        *way, last = parts_of(path) or [""]
        with self.opened() as top, _walked(os.dup(top), way, said=path) as parent:
            found = _entered(parent, last or ".", _READ, said=path)
            try:
                about = os.fstat(found)
                if not stat.S_ISREG(about.st_mode):
                    raise NotAllowed(f"'{path}' is no file.", "List the folder to see what is in it.")
                if most is not None and about.st_size > most:
                    raise NotAllowed(f"'{path}' has {about.st_size} bytes; {most} at most can be read.")
                yield found
            finally:
                os.close(found)

    @contextmanager
    def open_folder(self, path: str) -> Iterator[int]:
        """A folder within it, or itself, to be listed."""
        with self.opened() as top, _walked(os.dup(top), parts_of(path), said=path) as way:
            found = _entered(way, ".", _LIST, said=path)
            try:
                yield found
            finally:
                os.close(found)

    def replace(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all; folders on the way are made. What was there, a link too, is replaced."""
        if not self.write:
            raise NotAllowed(f"The folder '{self.name}' may only be read.")
        *way, last = parts_of(path) or [""]
        if not last:
            raise NotAllowed(f"'{path}' is a folder.", "Name a file in it.")
        with self.opened() as top, _walked(os.dup(top), way, said=path, make=True) as parent:
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise NotAllowed(f"'{path}' is a folder.", "Name a file in it.")
            _write(parent, last, content)


def parts_of(path: str) -> list[str]:
    """The names on a path, one by one. Raises NotAllowed for one that leads out."""
    if "\0" in path or any(len(part.encode()) > 255 for part in path.split("/")):
        raise NotAllowed(f"'{path[:80]}' is no path.")
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts:
        raise NotAllowed(f"'{path}' leads out of the folder.", "Use a path that begins with a folder's name.")
    return list(parts)


def _root() -> int:
    return os.open("/", _STEP)


@contextmanager
def _walked(top: int, way: tuple[str, ...] | list[str], said: str, *, make: bool = False) -> Iterator[int]:
    """The descriptor at the end of the way from `top`, which it closes."""
    try:
        for name in way:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=top)
            below = _entered(top, name, _STEP, said)
            os.close(top)
            top = below
        yield top
    finally:
        os.close(top)


def _entered(parent: int, name: str, flags: int, said: str) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError as error:
        raise NotFound(f"'{said}' is not there.", "List the folder to see what is in it.") from error
    except OSError as error:
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise NotAllowed(f"'{said}' goes through a link ('{name}'); links are not followed.") from error
        raise NotAllowed(f"'{said}' cannot be opened: {error.strerror}.") from error


def _write(parent: int, name: str, content: bytes) -> None:
    unfinished = f".{secrets.token_hex(8)}.part"
    mode = 0o644
    with suppress(OSError):
        there = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        mode = there & 0o777 if stat.S_ISREG(there) else mode
    found = os.open(
        unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent
    )
    try:
        with os.fdopen(found, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(found)
        os.rename(unfinished, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=parent)
        raise

"""Contents of files: their checksum, sharing one between two places without a copy, and making a rename last."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tinderbox.errors import TinderboxError
from tinderbox.units import Bytes, MiB, format_bytes

CHUNK = 4 * MiB


def digest(path: Path, progress: Callable[[Bytes], None] | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal; `progress` is told the bytes read so far."""
    sha256, done = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            done += len(chunk)
            if progress:
                progress(done)
    return sha256.hexdigest()


def share_or_copy(source: Path, target: Path) -> None:
    """A reflink where the file system has them, else a hard link, else a copy; synced."""
    if not (_reflink(source, target) or _hard_link(source, target)):
        _copy(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename in that folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    needed, free = source.stat().st_size, shutil.disk_usage(target.parent).free
    if needed > free:
        raise TinderboxError(
            f"A copy of {source.name} needs {format_bytes(needed)}; {format_bytes(free)} is free in {target.parent}.",
            "Free that much, or use the file where it lies, by its path.",
        )
    shutil.copyfile(source, target)


def _reflink(source: Path, target: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    with source.open("rb") as original, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), 0x40049409, original.fileno())  # FICLONE
        except OSError:
            target.unlink()
            return False
    return True


def _hard_link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            return False
        raise
    return True

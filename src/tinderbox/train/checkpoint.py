"""Checkpoints of a run: whole or not there, synced, and bounded in number.

checkpoints/step-00000040.pt    what a run goes on from; the two newest are kept
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tinderbox.errors import NoRoom
from tinderbox.models.content import sync_folder

_NAME = re.compile(r"step-(\d{8})\.pt")


def save(folder: Path, step: int, write: Callable[[BinaryIO], None], keep: int) -> Path:
    """What `write` puts into a file becomes the checkpoint of that step; of the older ones, the newest stay until there
    are `keep`. Raises NoRoom where the disk is full: then those before are as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.unfinished"):
        left.unlink()
    target = folder / f"step-{step:08}.pt"
    unfinished = target.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch tells a write that failed as a RuntimeError
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoom(
            f"The checkpoint of step {step} could not be written to {folder}: {error}.",
            "Free some of that disk, then: tinderbox jobs resume N. The checkpoint before is whole.",
        ) from error
    unfinished.replace(target)
    sync_folder(folder)
    for old in list_checkpoints(folder)[:-keep]:
        old.unlink()
    return target


def list_checkpoints(folder: Path) -> list[Path]:
    """All there are, the newest last."""
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))


def step_of(checkpoint: Path) -> int:
    match = _NAME.fullmatch(checkpoint.name)
    assert match is not None  # noqa: S101  (from list_checkpoints)
    return int(match[1])

"""`Grounds`: where this box may make control groups that limit memory, or why it may not. Linux, second hierarchy.

Whether it may cannot be read off: mounts are read-only, controllers are not handed down, others share our group. So it
is tried.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CONTROLLER = "memory"
_PREFIX = "tinderbox-"  # and the number of the box's process


@dataclass(frozen=True, slots=True)
class Grounds:
    """`folder` takes groups with limits of their own; where it is None, `why` says what stands against it."""

    folder: Path | None
    why: str = ""


@contextmanager
def grounds(root: Path = Path("/"), pid: int | None = None) -> Iterator[Grounds]:
    """Grounds for as long as the block lasts; afterwards nothing is left of them. `root` holds `proc` and `sys`."""
    pid = pid or os.getpid()
    base = root / "sys/fs/cgroup"
    if not (base / "cgroup.controllers").exists():
        first = (base / "memory").exists()
        why = "memory is in control groups of the first kind" if first else "this system has no control groups"
        yield Grounds(None, why)
        return
    own = base / _own_group(root).strip("/")
    for parent in {own, own.parent}:
        _sweep(parent, root)
    reasons = []
    for where, attempt in (("in our own group", _within), ("beside it", _beside)):
        try:
            folder = attempt(own, base, pid)
        except OSError as error:
            reasons.append(f"{where}: {error.strerror}")
            continue
        try:
            yield Grounds(folder)
        finally:
            _leave(own, folder, pid)
        return
    yield Grounds(None, "; ".join(reasons))


def _within(own: Path, base: Path, pid: int) -> Path:
    if _CONTROLLER not in _words(own / "cgroup.controllers"):
        raise OSError(0, "it is not handed the memory controller")
    folder = own / f"{_PREFIX}{pid}"
    folder.mkdir()
    try:
        if _CONTROLLER not in _words(own / "cgroup.subtree_control"):
            # A group with processes in it hands nothing down: the box steps into one below.
            (folder / "box").mkdir()
            _write(folder / "box/cgroup.procs", pid)
            _write(own / "cgroup.subtree_control", f"+{_CONTROLLER}")
        _write(folder / "cgroup.subtree_control", f"+{_CONTROLLER}")
    except OSError:
        _leave(own, folder, pid)
        raise
    return folder


def _beside(own: Path, base: Path, pid: int) -> Path:
    parent = own.parent
    if own == base or _CONTROLLER not in _words(parent / "cgroup.subtree_control"):
        raise OSError(0, "there is no group that hands the memory controller down")
    if _words(own / "memory.max") != ["max"]:
        raise OSError(0, "our own group's limit would be escaped")
    if not os.access(parent / "cgroup.procs", os.W_OK):
        raise OSError(0, "processes may not be moved there")
    folder = parent / f"{_PREFIX}{pid}"
    folder.mkdir()
    try:
        _write(folder / "cgroup.subtree_control", f"+{_CONTROLLER}")
    except OSError:
        remove(folder)
        raise
    return folder


def _leave(own: Path, folder: Path, pid: int) -> None:
    if (folder / "box").exists():
        for group in (folder, own):
            with suppress(OSError):  # it was never handed down, or another box below still needs it
                _write(group / "cgroup.subtree_control", f"-{_CONTROLLER}")
        with suppress(OSError):
            _write(own / "cgroup.procs", pid)
    remove(folder)


def make_group(folder: Path, name: str, limit: int, pid: int) -> Path:
    """Put process `pid` into a new group of at most `limit` bytes, swap included, that ends as a whole. May raise
    OSError."""
    group = folder / name
    group.mkdir()
    try:
        _write(group / "memory.max", limit)
        _write(group / "memory.oom.group", 1)
        if (group / "memory.swap.max").exists():
            _write(group / "memory.swap.max", 0)
        _write(group / "cgroup.procs", pid)
    except OSError:
        remove(group)
        raise
    return group


def move_limit(group: Path, limit: int) -> None:
    with suppress(OSError):  # it is gone with its process
        _write(group / "memory.max", limit)


def was_ended(group: Path) -> bool:
    """Whether the kernel ended what was in the group because it passed its limit."""
    words = _words(group / "memory.events")
    return "oom_kill" in words and words[words.index("oom_kill") + 1] != "0"


def most_held(group: Path) -> int | None:
    """In bytes, since the group was made; None where the kernel keeps no peak (before 5.19)."""
    peak = _words(group / "memory.peak")
    return int(peak[0]) if peak else None


def remove(group: Path) -> None:
    """A group and those below it; one that still holds a process stays, for the next box to sweep."""
    with suppress(OSError):
        for below in group.iterdir():
            if below.is_dir():
                remove(below)
        group.rmdir()


def _sweep(parent: Path, root: Path) -> None:
    """Remove what boxes left behind that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        if not (root / "proc" / left.name.removeprefix(_PREFIX)).exists():
            remove(left)


def _own_group(root: Path) -> str:
    lines = (line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines())
    return next((path for number, _, path in lines if number == "0"), "/")


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _write(path: Path, value: object) -> None:
    path.write_text(str(value))

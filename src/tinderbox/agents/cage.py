"""`Cage`: the memory and the number of processes of one run in the sandbox, all its processes taken together.

A control group holds them where one can be had, of the second kind or the first. Elsewhere `ulimit` holds the number of
processes, and they are weighed some times a second. It does not hold root's: a watch alone loses against processes that
double each millisecond, so root without a control group runs nothing.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinderbox.engines.limits import held_by
from tinderbox.errors import Unavailable
from tinderbox.units import Bytes

Breach = Literal["memory", "processes"]
_SETTINGS = {  # the names that one thing has: in the second kind of groups, in the first
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "swap": ("memory.swap.max", "memory.memsw.limit_in_bytes"),
    "killed": ("memory.events", "memory.oom_control"),
}
_PATIENCE = 5.0  # seconds for killed processes to be gone
_PREFIX = "sandbox-"  # and the number of the process that made it
_OURS = 2  # of the processes are bubblewrap's own


@dataclass(frozen=True, slots=True)
class Cage:
    """`groups` are the control groups that a process has to step into; none means that it is watched."""

    memory: Bytes
    processes: int
    groups: tuple[Path, ...] = ()

    def breach(self, pid: int) -> Breach | None:
        """What the process `pid` and those below it have passed, if anything."""
        for group in self.groups:
            if _count(group / "pids.events", "max"):
                return "processes"
            if any(_count(group / name, "oom_kill") for name in _SETTINGS["killed"]):
                return "memory"
        return None if self.groups else self._watch(pid)

    def _watch(self, pid: int) -> Breach | None:
        held, found = 0, [pid]
        for number in found:  # which grows as we go
            if len(found) > self.processes + _OURS:
                return "processes"
            held += held_by(number) or 0
            found += _children(number)
        return "memory" if held > self.memory else None


@contextmanager
def caged(memory: Bytes, processes: int, root: Path = Path("/"), user: int | None = None) -> Iterator[Cage]:
    """A cage for one run; at its end nobody is left in it. `root` holds `proc` and `sys`, `user` is who runs the box.

    Raises Unavailable where nothing would hold the number of processes.
    """
    made = _make_groups(memory, processes, root)
    if not made and (os.geteuid() if user is None else user) == 0:
        raise Unavailable(
            "Root's processes can be held by a control group alone, and none can be made here.",
            "Run the box as another user.",
        )
    try:
        yield Cage(memory, processes, made)
    finally:
        for group in made:
            _clear(group)


def _make_groups(memory: Bytes, processes: int, root: Path) -> tuple[Path, ...]:
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    for parents in _places(root):
        made: list[Path] = []
        try:
            for parent in parents:
                _sweep(parent, root)
                made.append(parent / name)
                made[-1].mkdir()
            _limit(made, memory, processes)
        except OSError:
            for group in made:
                _clear(group)
        else:
            return tuple(made)
    return ()


def _sweep(parent: Path, root: Path) -> None:
    """Remove what was left behind by those that were killed; a group that still holds somebody stays."""
    for left in parent.glob(f"{_PREFIX}*"):
        if not (root / "proc" / left.name.removeprefix(_PREFIX).partition("-")[0]).exists():
            with suppress(OSError):
                left.rmdir()


def _places(root: Path) -> Iterator[tuple[Path, ...]]:
    """Where groups may perhaps be made: one that counts all, or one for each thing."""
    base = root / "sys/fs/cgroup"
    own = {
        kind: path.strip("/")
        for _, kinds, path in (line.split(":", 2) for line in _lines(root / "proc/self/cgroup"))
        for kind in kinds.split(",")
    }
    if "" in own:
        yield from ((place,) for place in (base / own[""], (base / own[""]).parent) if _hands_down(place))
    if "memory" in own and "pids" in own:
        yield (base / "memory" / own["memory"], base / "pids" / own["pids"])


def _hands_down(place: Path) -> bool:
    """Whether a group of the second kind gives those below it limits of their own; it is asked to."""
    control = place / "cgroup.subtree_control"
    with suppress(OSError):
        if "pids" not in control.read_text().split():
            control.write_text("+pids")
    return {"memory", "pids"} <= set(" ".join(_lines(control)).split())


def _limit(groups: list[Path], memory: Bytes, processes: int) -> None:
    """Raises OSError where one of the limits cannot be set."""
    first_kind = len(groups) - 1  # where memory and processes have a group each
    (groups[-1] / "pids.max").write_text(str(processes + _OURS))
    (groups[0] / _SETTINGS["memory"][first_kind]).write_text(str(memory))
    with suppress(OSError):  # a kernel that does not count swap has no such file
        (groups[0] / _SETTINGS["swap"][first_kind]).write_text(str(memory if first_kind else 0))


def _clear(group: Path) -> None:
    """End whoever is in the group, and remove it."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for pid in _lines(group / "cgroup.procs"):
            with suppress(OSError, ValueError):
                os.kill(int(pid), 9)
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                return
            time.sleep(0.005)
        else:
            return


def _count(file: Path, word: str) -> int:
    return next((int(line.split()[1]) for line in _lines(file) if line.startswith(f"{word} ")), 0)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for thread in threads for word in " ".join(_lines(thread / "children")).split()]
    return []

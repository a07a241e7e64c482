"""A machine with little memory: a control group with a limit, for whatever is started inside the block. The box reads
the limit as the machine's size; where it is passed, the kernel ends somebody, and counts that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tinderbox.units import Bytes

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class SmallMachine:
    group: Path

    def killed(self) -> int:
        """How many processes the kernel has ended for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            if (self.group / name).exists():
                words = (self.group / name).read_text().split()
                return int(words[words.index("oom_kill") + 1])
        return 0


@contextmanager
def small_machine(size: Bytes) -> Iterator[SmallMachine | None]:
    """This process and its children in a machine of `size` bytes; None where no such group can be had."""
    parent, limit = (_ROOT / "memory", "memory.limit_in_bytes")
    if (_ROOT / "cgroup.controllers").exists():
        parent, limit = (_ROOT, "memory.max")
    group, before = parent / f"small-machine-{os.getpid()}", _own_group(parent)
    try:
        group.mkdir()
        (group / limit).write_text(str(size))
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError as error:
        print(f"no control group, so that the machine is as large as it is: {error}")
        yield None
        return
    try:
        yield SmallMachine(group)
    finally:
        (before / "cgroup.procs").write_text(str(os.getpid()))
        _remove(group)


def _remove(group: Path) -> None:
    """Once the last process of it has ended."""
    deadline = time.monotonic() + 10
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(OSError):  # it is still in use: who left a process there has said so by now
        group.rmdir()


def _own_group(parent: Path) -> Path:
    mark = ":memory:" if parent.name == "memory" else "0::"
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    path = next(line.partition(mark)[2] for line in lines if mark in line)
    return parent / path.strip("/")

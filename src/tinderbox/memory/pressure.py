"""What the operating system says about its memory, and how pressed it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinderbox.machine.memory_info import host_pool, page_cache
from tinderbox.memory.event import Level
from tinderbox.units import Bytes, MiB

_RESERVE_SHARE = 0.03  # of the machine's memory, which the system keeps for itself
_LEVELS: tuple[Level, ...] = ("calm", "ease", "shed", "save")
# Of the reserve, what may still be available when a level begins. One that holds ends at a quarter more.
_AVAILABLE = (0.6, 0.4, 0.2)
_CALMER = 1.25
# Shares of the last 10 s in which some task, and all of them, waited for memory. They count only while little is left:
# reading a large file makes tasks wait too.
_SOME, _FULL = 0.20, 0.10
_LITTLE = 0.10  # of the total


@dataclass(frozen=True, slots=True)
class Reading:
    """The memory of the machine, or of the control group that we run in, in bytes. `some` and `full` are PSI's averages
    over 10 s (0 to 1), `cache` the page cache; None where the system does not say."""

    total: Bytes
    available: Bytes
    cache: Bytes | None = None
    some: float | None = None
    full: float | None = None


def reserve_of(total: Bytes) -> Bytes:
    """What the system keeps for itself, and what absorbs the growth of other programs between two looks."""
    return min(max(512 * MiB, int(total * _RESERVE_SHARE)), total // 4)


def level_of(reading: Reading, before: Level) -> Level:
    """How pressed the machine is. `before` keeps a level from flickering."""
    reserve = reserve_of(reading.total)
    level = 0
    for number, share in enumerate(_AVAILABLE, start=1):
        slack = _CALMER if _LEVELS.index(before) >= number else 1.0
        if reading.available < reserve * share * slack:
            level = number
    if reading.available < reading.total * _LITTLE:
        if (reading.full or 0.0) >= _FULL:
            level = max(level, 2)
        elif (reading.some or 0.0) >= _SOME:
            level = max(level, 1)
    return _LEVELS[level]


def read_memory(root: Path = Path("/")) -> Reading:
    """What a Linux tree at `root` says now; elsewhere what psutil knows, without cache and waits."""
    pool = host_pool(root)
    available = pool.total if pool.available is None else pool.available
    waits = _waits(root / "proc/pressure/memory")
    return Reading(pool.total, available, page_cache(root), waits.get("some"), waits.get("full"))


def _waits(path: Path) -> dict[str, float]:
    """`some avg10=0.00 avg60=...`, a line each."""
    try:
        lines = path.read_text().splitlines()
        return {line.split()[0]: float(line.split("avg10=")[1].split()[0]) / 100 for line in lines}
    except (OSError, IndexError, ValueError):  # a kernel without PSI, or one that writes it differently
        return {}

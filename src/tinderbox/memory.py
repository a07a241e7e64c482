"""Who holds the memory: `Lease` is one holder's share, `Room` is what the machine has left.

Sums and admission are pure functions; only `read_room` asks the system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from tinderbox.errors import DoesNotFit
from tinderbox.machine.memory_info import host_pool
from tinderbox.units import Bytes, MiB, format_bytes

LeaseState = Literal["loading", "ready", "leaving"]
_PRESSURE = Path("/proc/pressure/memory")
_RESERVE_SHARE = 0.03  # of the machine's memory, which the system keeps for itself


@dataclass(frozen=True, slots=True)
class Lease:
    """What `holder` was granted: `predicted` before it started, `measured` by the system since (None: unknown)."""

    holder: str
    kind: Literal["model"]
    predicted: Bytes
    measured: Bytes | None
    state: LeaseState
    busy: bool
    pinned: bool
    since: datetime
    context: int = 0
    parallel: int = 1

    @property
    def held(self) -> Bytes:
        return max(self.predicted, self.measured or 0)


@dataclass(frozen=True, slots=True)
class Room:
    """One pool of memory, in bytes; `pressure` is the share of the last 10 s in which some task waited for memory."""

    name: str
    capacity: Bytes
    used_by_us: Bytes
    used_by_others: Bytes
    free: Bytes
    pressure: float | None


def make_room(capacity: Bytes, total: Bytes, available: Bytes, leases: Sequence[Lease], pressure: float | None) -> Room:
    """What is left for a new lease: never more than the system has available, nor than `capacity` less all grants.

    What leases were granted and have not used yet is taken off the available memory too: it is as good as used.
    """
    measured = sum(lease.measured or 0 for lease in leases)
    held = sum(lease.held for lease in leases)
    others = max(0, total - available - measured)
    reserve = max(512 * MiB, int(total * _RESERVE_SHARE))
    free = min(capacity - held, available - (held - measured) - reserve)
    return Room("unified", capacity, held, others, max(0, free), pressure)


def read_room(limit: Bytes | None, leases: Sequence[Lease]) -> Room:
    """The memory of this machine (or of the control group that we run in) now; `limit` caps what the box may use."""
    memory = host_pool()
    available = memory.total if memory.available is None else memory.available
    return make_room(min(limit or memory.total, memory.total), memory.total, available, leases, _read_pressure())


def admit(holder: str, wanted: Bytes, room: Room, leases: Sequence[Lease]) -> None:
    """Raise DoesNotFit, with the numbers and what would make room, unless `wanted` bytes are free."""
    if wanted <= room.free:
        return
    what = f"{holder} needs {format_bytes(wanted)}; {format_bytes(room.free)} of {format_bytes(room.capacity)} is free."
    idle = [lease for lease in leases if not lease.busy and lease.state == "ready"]
    if room.free + sum(lease.held for lease in idle) >= wanted:
        names = ", ".join(f"{lease.holder} ({format_bytes(lease.held)})" for lease in idle)
        raise DoesNotFit(what, f"Stop what is idle: {names}.")
    raise DoesNotFit(what, "A smaller context (--context), fewer slots (--parallel) or a smaller model would fit.")


def _read_pressure() -> float | None:
    """PSI's `some avg10`, 0 to 1; None where the kernel does not keep it."""
    try:
        line = _PRESSURE.read_text().splitlines()[0]
        return float(line.split("avg10=")[1].split()[0]) / 100
    except (OSError, IndexError, ValueError):
        return None

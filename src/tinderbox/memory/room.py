"""`Room`: what is left in a pool of memory."""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.errors import DoesNotFit
from tinderbox.memory.event import Level
from tinderbox.memory.ledger import Ledger
from tinderbox.memory.pressure import Reading, read_memory, reserve_of
from tinderbox.units import Bytes, format_bytes


@dataclass(frozen=True, slots=True)
class Room:
    """One pool, in bytes. `capacity` is the most that the box may ever hold; `free` is what could be granted now; of
    the machine's `total`, `reserve` is left to the system. `pressure` is the share of the last 10 s in which some task
    waited for memory, `level` what is done about it."""

    name: str
    capacity: Bytes
    used_by_us: Bytes
    used_by_others: Bytes
    free: Bytes
    pressure: float | None
    level: Level = "calm"
    page_cache: Bytes | None = None
    total: Bytes = 0
    reserve: Bytes = 0


def room_of(ledger: Ledger, reading: Reading) -> Room:
    return Room(
        name="unified",
        capacity=min(ledger.total, ledger.limit or ledger.total),
        used_by_us=ledger.granted,
        used_by_others=ledger.others,
        free=max(0, ledger.free),
        pressure=reading.some,
        level=ledger.level,
        page_cache=reading.cache,
        total=ledger.total,
        reserve=ledger.reserve,
    )


def open_ledger(limit: Bytes | None, reading: Reading, *, idle: float | None = None) -> Ledger:
    """A ledger with no lease yet, of the machine that `reading` describes."""
    total = reading.total
    others = max(0, total - reading.available)
    return Ledger(total, limit and min(limit, total), reserve_of(total), idle, others=others)


def admit(holder: str, wanted: Bytes, limit: Bytes | None = None) -> None:
    """Raise DoesNotFit unless `wanted` bytes are free now: for who has no box, and can neither wait nor evict."""
    ledger = open_ledger(limit, read_memory())
    if wanted > ledger.free:
        free, capacity = format_bytes(max(0, ledger.free)), format_bytes(ledger.ceiling)
        raise DoesNotFit(
            f"{holder} needs {format_bytes(wanted)}; {free} of {capacity} is free.",
            "A smaller context (--context), fewer slots (--parallel) or a smaller model would fit.",
        )

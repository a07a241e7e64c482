"""Ledgers as tests write them: gigabytes, models and jobs by name."""

from __future__ import annotations

from dataclasses import replace

from tinderbox.memory.event import Event, Instruction
from tinderbox.memory.lease import Kind, Lease, LeaseState
from tinderbox.memory.ledger import Ledger, decide
from tinderbox.units import GB

NOW = 1000.0


def model(
    holder: str,
    size: float,
    *,
    idle: float = 30.0,
    users: int = 0,
    pinned: bool = False,
    state: LeaseState = "ready",
    load_seconds: float | None = None,
) -> Lease:
    """A model of `size` gigabytes, last used `idle` seconds before now."""
    used = NOW - idle
    return Lease(holder, "model", int(size * GB), None, state, users, pinned, used, used, load_seconds=load_seconds)


def job(holder: str, size: float, *, since: float = 0.0) -> Lease:
    return Lease(holder, "job", int(size * GB), state="ready", since=since)


def book(size: float, *leases: Lease, **changes: object) -> Ledger:
    """A ledger of `size` gigabytes with these leases, and no reserve."""
    granted = sum(lease.held for lease in leases)
    ledger = Ledger(int(size * GB), leases={lease.holder: lease for lease in leases}, granted=granted)
    return replace(ledger, **changes)  # type: ignore[arg-type]


def told(ledger: Ledger, *events: Event, now: float = NOW) -> tuple[Ledger, list[Instruction]]:
    """The ledger after all of `events`, and what the last of them led to."""
    instructions: list[Instruction] = []
    for event in events:
        ledger, instructions = decide(ledger, event, now)
    return ledger, instructions


def kinds(ledger: Ledger) -> dict[str, Kind]:
    return {lease.holder: lease.kind for lease in ledger.leases.values()}

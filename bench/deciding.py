"""How long the ledger takes to decide, with a thousand leases of which two thirds are idle."""

from __future__ import annotations

import time
from dataclasses import replace

from bench.figure import Result
from tinderbox.memory.event import (
    Began,
    Cancelled,
    Event,
    Finished,
    Leaving,
    Left,
    Loaded,
    Measured,
    Pinned,
    Pressed,
    Ticked,
    Wanted,
)
from tinderbox.memory.lease import Lease
from tinderbox.memory.ledger import Ledger, decide
from tinderbox.units import GB

LEASES, NOW = 1000, 5000.0


def measure_deciding(rounds: int) -> list[Result]:
    quiet = full_ledger()
    waited_for, _ = decide(
        quiet, Wanted("waits", LEASES * 2 // 3 * GB), NOW - 15
    )  # for what is busy: each event looks again
    told: dict[str, tuple[Ledger, Event]] = {
        "Wanted, which three leave for": (quiet, Wanted("new", 3 * GB)),
        "Wanted, which is there": (quiet, Wanted("model 1", GB)),
        "Cancelled": (waited_for, Cancelled("waits")),
        "Loaded": (quiet, Loaded("loading", 2.0)),
        "Began": (quiet, Began("model 1")),
        "Finished": (quiet, Finished("model 0")),
        "Finished, while one waits": (waited_for, Finished("model 0")),
        "Leaving": (quiet, Leaving("model 1")),
        "Left": (quiet, Left("model 1")),
        "Pinned": (quiet, Pinned("model 1")),
        "Measured, nothing changed": (quiet, Measured({f"model {n}": GB for n in range(LEASES)}, 0)),
        "Measured, the busy third grew": (quiet, Measured({f"model {n}": GB + n for n in range(0, LEASES, 3)}, 0)),
        "Pressed, ease": (quiet, Pressed("ease")),
        "Pressed, shed": (quiet, Pressed("shed")),
        "Pressed, save": (quiet, Pressed("save")),
        "Ticked": (quiet, Ticked()),
        "Ticked, while one waits": (waited_for, Ticked()),
    }
    return [
        Result(f"decide, {LEASES} leases: {what}", "ms", 1, "at most", _times(ledger, event, rounds * 20))
        for what, (ledger, event) in told.items()
    ]


def full_ledger() -> Ledger:
    """A thousand models of a gigabyte, and one that loads; every third is busy, the others idle for various times."""
    leases = {f"model {n}": _model(n) for n in range(LEASES)} | {"loading": Lease("loading", "model", GB)}
    return replace(Ledger((LEASES + 1) * GB), leases=leases, granted=(LEASES + 1) * GB)


def _model(number: int) -> Lease:
    users = int(number % 3 == 0)
    used = float(number * 7919 % LEASES)
    return Lease(f"model {number}", "model", GB, GB, "ready", users, used=used, load_seconds=2.0 + number % 5)


def _times(ledger: Ledger, event: Event, rounds: int) -> tuple[float, ...]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        decide(ledger, event, NOW)
        times.append((time.perf_counter() - begun) * 1000)
    return tuple(times)

"""What this machine has taught, kept in the state: measured figures, what loads took, and how fast answers came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox import state
from tinderbox.errors import TinderboxError
from tinderbox.plan.calibration import Calibration, Correction, Kind, key, learn
from tinderbox.units import Bytes, Figure

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Learnt:
    """`figures` are of the machine, in bytes a second: `memory_read`, `disk_read`."""

    calibration: Calibration = field(default_factory=Calibration)
    figures: dict[str, Figure] = field(default_factory=dict)


NOTHING_LEARNT = Learnt()


@dataclass(frozen=True, slots=True)
class Run:
    """One run on this machine: `predicted` without any correction, both in tokens a second."""

    engine: str
    kind: Kind
    mixture: bool
    predicted: float
    measured: float


@dataclass(frozen=True, slots=True)
class Load:
    """What one model took, beside what was predicted without correction."""

    model: str
    engine: str
    context: int
    parallel: int
    predicted: Bytes
    measured: Bytes


def read_learnt(home: Path) -> Learnt:
    """All of it; nothing where there is no state yet, or none that can be read."""
    if not (home / "state.db").exists():
        return NOTHING_LEARNT
    try:
        with state.opened(home) as db:
            return Learnt(_calibration(db), _figures(db))
    except TinderboxError:
        return NOTHING_LEARNT


def keep_figures(home: Path, figures: dict[str, Figure]) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with state.opened(home) as db, state.writing(db):
        db.executemany(
            "INSERT OR REPLACE INTO machine_figures VALUES (?, ?, ?, ?, ?)",
            [(name, one.value, one.low, one.high, now) for name, one in figures.items()],
        )


def learn_runs(home: Path, runs: list[Run]) -> None:
    """Each run moves the correction of its engine and kind. Several processes may learn at once."""
    with state.opened(home) as db, state.writing(db):
        known = _calibration(db)
        for run in runs:
            known = learn(known, run.engine, run.kind, run.mixture, run.predicted, run.measured)
            one = known.corrections[key(run.engine, run.kind, run.mixture)]
            db.execute(
                "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)",
                (key(run.engine, run.kind, run.mixture), one.mean, one.count),
            )


def learn_load(home: Path, load: Load) -> None:
    """The most that was ever measured with these settings stays."""
    with state.opened(home) as db:
        db.execute(
            "INSERT INTO loads VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "measured = iif(predicted = excluded.predicted, max(measured, excluded.measured), excluded.measured), "
            "predicted = excluded.predicted",
            (load.model, load.engine, load.context, load.parallel, load.predicted, load.measured),
        )


def correct_load(home: Path, model: str, engine: str, context: int, parallel: int, predicted: Bytes) -> Bytes:
    """A prediction of memory, corrected by what loads took. Only upwards: what fits must never fail.

    The same model with the same settings takes what it took; another what its engine was off by at most.
    """
    if not (home / "state.db").exists():
        return predicted
    with state.opened(home) as db:
        rows = db.execute("SELECT model, context, parallel, predicted, measured FROM loads WHERE engine = ?", (engine,))
        found: list[tuple[str, int, int, int, int]] = rows.fetchall()
    same = [row[4] for row in found if row[:3] == (model, context, parallel) and row[3] == predicted]
    if same:
        return max(predicted, *same)
    return predicted + max((max(0, row[4] - row[3]) for row in found), default=0)


def _calibration(db: sqlite3.Connection) -> Calibration:
    rows = db.execute("SELECT name, mean, count FROM corrections")
    return Calibration({name: Correction(mean, count) for name, mean, count in rows})


def _figures(db: sqlite3.Connection) -> dict[str, Figure]:
    rows = db.execute("SELECT name, value, low, high FROM machine_figures")
    return {name: Figure(value, "measured", low, high) for name, value, low, high in rows}

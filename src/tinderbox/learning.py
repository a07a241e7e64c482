"""What this machine has taught, kept in the state: measured figures, what loads took, and how fast answers came."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox.errors import TinderboxError
from tinderbox.plan.calibration import Calibration, Correction, Kind, key, learn
from tinderbox.plan.settings import Settings
from tinderbox.plan.speed import predict
from tinderbox.units import Bytes, Figure

if TYPE_CHECKING:
    import sqlite3

    from tinderbox.machine.machine import Machine
    from tinderbox.models.card import Card

SETTLED, STRAY = 3, 1.3  # runs; a factor
FEWEST_GENERATED, FEWEST_READ = 16, 32  # tokens: what is shorter says more of the start than of the speed


@dataclass(frozen=True, slots=True)
class Learnt:
    """`figures` are of the machine, in bytes a second: `memory_read`, `disk_read`."""

    calibration: Calibration = field(default_factory=Calibration)
    figures: dict[str, Figure] = field(default_factory=dict)


NOTHING_LEARNT = Learnt()


@dataclass(frozen=True, slots=True)
class Run:
    """One run on this machine: `predicted` without any correction, both in tokens a second.

    `model` says which model it was, and `size` the tokens that it had before it: both sharpen what is learnt.
    """

    engine: str
    kind: Kind
    mixture: bool
    predicted: float
    measured: float
    model: str = ""
    size: int = 0

    @property
    def general(self) -> str:
        return key(self.engine, self.kind, self.mixture)

    @property
    def own(self) -> str:
        """The correction of this model alone, about this size: sizes of as many binary digits are alike."""
        return f"{self.general}/{self.model}/{self.size.bit_length()}"


@dataclass(frozen=True, slots=True)
class Load:
    """What one model took, beside what was predicted without correction."""

    model: str
    engine: str
    context: int
    parallel: int
    predicted: Bytes
    measured: Bytes


@dataclass(frozen=True, slots=True)
class Timings:
    """How fast one answer came, by the engine's own clock: tokens and tokens a second; `cached` were not read again.

    `alone`: no other question was answered on this machine meanwhile, so that the figures are the model's own. `first`
    and `took` are the seconds from the question's arrival to the first token and to the end, by the box's clock.
    """

    model: str
    read: int
    read_per_second: float
    cached: int
    generated: int
    generated_per_second: float
    alone: bool = True
    first: float | None = None
    took: float | None = None


def runs_of(card: Card, machine: Machine, timings: Timings, engine: str = "llama.cpp") -> list[Run]:
    """What an answer teaches: nothing of what was too short to time, nor of what others slowed down."""
    if not timings.alone:
        return []
    runs = []
    before = timings.cached + timings.read
    if timings.generated >= FEWEST_GENERATED and timings.generated_per_second > 0:
        depth = before + timings.generated // 2
        speed = predict(card, machine, Settings(context=1 + 2 * depth, depth=depth, engine=engine))
        runs.append((Kind.DECODE, speed.decode, timings.generated_per_second, depth))
    if timings.read >= FEWEST_READ and timings.read_per_second > 0:
        settings = Settings(context=1 + before, depth=timings.cached, prompt=timings.read, engine=engine)
        runs.append((Kind.PREFILL, predict(card, machine, settings).prefill, timings.read_per_second, before))
    return [
        Run(engine, kind, card.experts > 0, predicted.value, measured, identity(card), size)
        for kind, predicted, measured, size in runs
        if predicted is not None
    ]


def read_learnt(home: Path) -> Learnt:
    """All of it; nothing where there is no state yet, or none that can be read."""
    if not (home / "state.db").exists():
        return NOTHING_LEARNT
    try:
        from tinderbox import state  # SQLite takes longer to import than most plans to make

        with state.opened(home) as db:
            return Learnt(_calibration(db), _figures(db))
    except TinderboxError:
        return NOTHING_LEARNT


def keep_figures(home: Path, figures: dict[str, Figure]) -> None:
    """The newest stay. Corrections of decoding were learnt against the bandwidth of before: they move with it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    from tinderbox import state

    with state.opened(home) as db, state.writing(db):
        before, after = _figures(db).get("memory_read"), figures.get("memory_read")
        if before and after:
            moved = math.log(before.value / after.value)
            db.execute("UPDATE corrections SET mean = mean + ? WHERE name NOT LIKE '%/prefill/%'", (moved,))
        db.executemany(
            "INSERT OR REPLACE INTO machine_figures VALUES (?, ?, ?, ?, ?)",
            [(name, one.value, one.low, one.high, now) for name, one in figures.items()],
        )


def learn_runs(home: Path, runs: list[Run]) -> None:
    """Each run moves the correction of its engine and kind. Several processes may learn at once."""
    from tinderbox import state

    with state.opened(home) as db, state.writing(db):
        known = dict(_calibration(db).corrections)
        for run in runs:
            for name in (run.general, run.own):
                known[name] = _moved(known.get(name), run)
                one = known[name]
                db.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)", (name, one.mean, one.count))


def _moved(before: Correction | None, run: Run) -> Correction:
    known = Calibration({run.general: before} if before else {})
    learnt = learn(known, run.engine, run.kind, run.mixture, run.predicted, tamed(before, run))
    return learnt.corrections[run.general]


def sharpened(known: Calibration, card: Card, settings: Settings) -> Calibration:
    """What is known of this very model, at the nearest size, before what is known of its kind."""
    found = dict(known.corrections)
    before = settings.depth
    for kind, size in ((Kind.DECODE, before), (Kind.PREFILL, before + settings.prompt)):
        general = key(settings.engine, kind, card.experts > 0)
        start, digits = f"{general}/{identity(card)}/", size.bit_length()
        own = {int(name.removeprefix(start)): name for name in found if name.startswith(start)}
        if own:
            found[general] = found[own[min(own, key=lambda known: abs(known - digits))]]
    return Calibration(found)


def identity(card: Card) -> str:
    """What tells one model's speed from another's, whatever they are called."""
    return f"{card.architecture}-{card.parameters}-{card.quantisation}"


def tamed(before: Correction | None, run: Run) -> float:
    """The speed measured; where some runs are known, no further from them than a factor of STRAY: one answer while
    another program had the processor must not undo what many have taught, and many such answers still will."""
    if before is None or before.count < SETTLED:
        return run.measured
    usual = run.predicted * math.exp(before.mean)
    return min(max(run.measured, usual / STRAY), usual * STRAY)


def learn_load(home: Path, load: Load) -> None:
    """The most that was ever measured with these settings stays."""
    from tinderbox import state

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
    from tinderbox import state

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

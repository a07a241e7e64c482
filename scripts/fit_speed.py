"""Fit the constants of the speed model to `data/measurements.csv` and write `src/tinderbox/plan/efficiency.py`.

    python -m scripts.fit_speed

Least squares on relative errors, no constant below zero, each held near a first guess from physics by a weight that
data soon outgrow. Every model counts by the root of its rows, so that the one that was measured most does not decide.
Running it again gives the same file.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.speed_data import Measurement, measurements
from tinderbox.machine.catalogue import find_box
from tinderbox.plan.speed import hardware_of
from tinderbox.plan.terms import Terms, decode_terms, prefill_terms

TARGET = Path(__file__).resolve().parent.parent / "src" / "tinderbox" / "plan" / "efficiency.py"

# First guesses, and how far (as a share) data may move them before the pull is felt.
DECODE_GUESS = {
    "dense": 1.25,
    "narrow": 0.0,
    "experts": 1.15,
    "packed": 0.5,
    "recurrent": 0.5,
    "cache": 1.35,
    "layers": 25.0,
    "routers": 35.0,
    "batched_layers": 60.0,
    "batched_routers": 100.0,
    "arithmetic": 3.0,
    "attention": 0.0,
}
PREFILL_GUESS = {
    "dense": 4.0,
    "narrow": 0.0,
    "experts": 7.0,
    "tiles": 1.0,
    "attention": 1.2,
    "softmax": 450.0,
    "scores": 1.5,
    "recurrent": 4.0,
    "weights": 1.0,
    "cache": 1.3,
    "layers": 60.0,
}
SCALES = {"narrow": 0.5, "packed": 0.5, "attention": 4.0}
PULL = 0.02
DOUBT = 0.1  # a relative error above which a row begins to lose weight
SINGLE, BATCHED, PREFILL = "decode", "batched", "prefill"


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed thing: the terms that should explain it and the seconds that it took."""

    kind: str
    group: tuple[str, str]
    model: str
    terms: Terms
    seconds: float


def samples(rows: Iterable[Measurement]) -> list[Sample]:
    found = []
    for row in rows:
        machine = find_box(row.box)
        group, hardware = (machine.family.value, row.engine), hardware_of(machine, row.engine)
        if row.decode is not None and (step := step_seconds(row)):
            at_depth = replace(row.settings, depth=row.depth)
            terms = decode_terms(row.card, at_depth, hardware)
            kind = BATCHED if row.settings.parallel > 1 else SINGLE
            found.append(Sample(kind, group, row.model, terms, step))
        if row.prefill is not None:
            seconds = row.settings.prompt * row.settings.parallel / row.prefill
            terms = prefill_terms(row.card, row.settings, hardware, row.settings.depth)
            found.append(Sample(PREFILL, group, row.model, terms, seconds))
    return found


def step_seconds(row: Measurement) -> float | None:
    """Seconds of one decode step. A serving engine reads the others' prompts in between: that time is taken off."""
    assert row.decode is not None
    batch = row.settings.parallel
    if row.engine == "llama.cpp" or batch == 1 or row.reply is None or row.prefill is None:
        return batch / row.decode
    whole = batch * row.reply / row.decode
    prompts = (batch - 1) * row.settings.prompt / row.prefill
    return (whole - prompts) / row.reply if prompts < 0.6 * whole else None


def fit(found: list[Sample], guess: dict[str, float]) -> dict[str, float]:
    """Coordinate descent to the constants that explain these samples best."""
    names = list(guess)
    rows = Counter(sample.model for sample in found)
    weights = [1 / math.sqrt(rows[sample.model]) for sample in found]
    matrix = [[sample.terms[name] / sample.seconds for name in names] for sample in found]
    constants = [guess[name] for name in names]
    spans = [SCALES.get(name, guess[name]) for name in names]
    trusts = weights
    rests = [sum(a * x for a, x in zip(line, constants, strict=True)) - 1.0 for line in matrix]
    for turn in range(300):
        if turn % 50 == 49:  # rows far off count for less: kernels of old builds, boxes that throttle
            trusts = [weight * min(1.0, DOUBT / max(abs(rest), 1e-9)) for weight, rest in zip(weights, rests, strict=True)]
        for j, name in enumerate(names):
            pull = PULL / spans[j] ** 2
            top = pull * (guess[name] - constants[j])
            bottom = pull
            for line, rest, weight in zip(matrix, rests, trusts, strict=True):
                top -= weight * line[j] * rest
                bottom += weight * line[j] ** 2
            moved = max(0.0, constants[j] + top / bottom) - constants[j]
            constants[j] += moved
            rests = [rest + line[j] * moved for line, rest in zip(matrix, rests, strict=True)]
    return dict(zip(names, constants, strict=True))


def seconds_of(terms: Terms, constants: dict[str, float]) -> float:
    return sum(terms[name] * constant for name, constant in constants.items())

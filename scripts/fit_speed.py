"""Fit the constants of the speed model to `data/measurements.csv` and write `src/tinderbox/plan/efficiency.py`.

    python -m scripts.fit_speed

Least squares on relative errors, no constant below zero, each held near a first guess from physics by a weight that
data soon outgrow. Every model counts by the root of its rows, so that the one that was measured most does not decide;
rows far off the rest count for less. Running it again gives the same file.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.speed_data import Measurement, measurements
from tinderbox.machine.catalogue import find_box
from tinderbox.plan.calibration import Kind
from tinderbox.plan.prices import UNKNOWN, Prices
from tinderbox.plan.speed import hardware_of, seconds_of
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
    "batched_cache": 1.25,
    "states": 1.5,
    "layers": 25.0,
    "routers": 35.0,
    "batched_layers": 60.0,
    "batched_routers": 100.0,
    "arithmetic": 3.0,
}
PREFILL_GUESS = {
    "dense": 4.0,
    "narrow": 1.0,
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
SCALES = {"narrow": 0.5, "packed": 0.5, "attention": 3.0, "softmax": 150.0}
PULL = 0.01
FLOORS = {"experts": 1.0, "dense": 1.0, "cache": 1.0, "batched_cache": 1.0}  # nothing is read faster than the bus
DOUBT = 0.1  # a relative error above which a row begins to lose weight
LEAST = {Kind.DECODE: 0.05, Kind.BATCHED: 0.12, Kind.PREFILL: 0.2}  # prompts depend on kernels that few models share
FEW = 3  # models below which an interval is not trusted to be narrower than WIDE
WIDE = 0.3

# A processor without graphics: nobody has fitted it, so its interval is wide until it has run something here.
CPU_DECODE = (
    DECODE_GUESS
    | {"dense": 1.3, "experts": 1.4, "cache": 2.0, "layers": 15.0, "routers": 15.0}
    | {
        "batched_cache": 2.0,
        "batched_layers": 5.0,
        "batched_routers": 5.0,
        "arithmetic": 2.0,
        "recurrent": 0.2,
    }
)
CPU_PREFILL = PREFILL_GUESS | {"dense": 2.0, "experts": 3.0, "attention": 2.0, "softmax": 20.0, "layers": 20.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed thing: the terms that should explain it and the seconds that it took."""

    kind: Kind
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
            kind = Kind.BATCHED if row.settings.parallel > 1 else Kind.DECODE
            found.append(Sample(kind, group, row.model, terms, step))
        if row.prefill is not None:
            seconds = row.settings.prompt * row.settings.parallel / row.prefill
            terms = prefill_terms(row.card, row.settings, hardware)
            found.append(Sample(Kind.PREFILL, group, row.model, terms, seconds))
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


def fit(found: list[Sample], guess: Prices) -> Prices:
    """Coordinate descent to the constants that explain these samples best."""
    names = list(guess)
    rows = Counter((sample.model, sample.kind) for sample in found)
    weights = [1 / math.sqrt(rows[sample.model, sample.kind]) for sample in found]
    matrix = [[sample.terms[name] / sample.seconds for name in names] for sample in found]
    constants = [guess[name] for name in names]
    floors = [FLOORS.get(name, 0.0) for name in names]
    spans = [SCALES.get(name, guess[name]) for name in names]
    trusts = weights
    rests = [sum(a * x for a, x in zip(line, constants, strict=True)) - 1.0 for line in matrix]
    for turn in range(300):
        if turn % 50 == 49:  # rows far off count for less: kernels of old builds, boxes that throttle
            trusts = [
                weight * min(1.0, DOUBT / max(abs(rest), 1e-9)) for weight, rest in zip(weights, rests, strict=True)
            ]
        for j, name in enumerate(names):
            pull = PULL / spans[j] ** 2
            top = pull * (guess[name] - constants[j])
            bottom = pull
            for line, rest, weight in zip(matrix, rests, trusts, strict=True):
                top -= weight * line[j] * rest
                bottom += weight * line[j] ** 2
            moved = max(floors[j], constants[j] + top / bottom) - constants[j]
            constants[j] += moved
            rests = [rest + line[j] * moved for line, rest in zip(matrix, rests, strict=True)]
    return dict(zip(names, constants, strict=True))


@dataclass(frozen=True, slots=True)
class Fitted:
    """The constants of one group, and by how much (as a logarithm) each sample of a model left out is missed."""

    decode: Prices
    prefill: Prices
    misses: list[tuple[Sample, float]]

    @property
    def spreads(self) -> dict[str, float]:
        return {kind.value: spread_of([one for one in self.misses if one[0].kind is kind]) for kind in Kind}


def spread_of(misses: list[tuple[Sample, float]]) -> float:
    """What 80 % of the misses stay within, each model by the root of its rows; wide where too few models were seen."""
    rows = Counter(sample.model for sample, _ in misses)
    if len(rows) < 2:
        return UNKNOWN
    least = WIDE if len(rows) < FEW else LEAST[misses[0][0].kind]
    ordered = sorted((abs(miss), 1 / math.sqrt(rows[sample.model])) for sample, miss in misses)
    wanted = 0.8 * sum(weight for _, weight in ordered)
    passed = 0.0
    for miss, weight in ordered:
        passed += weight
        if passed >= wanted:
            return max(miss, least)
    return max(ordered[-1][0], least)


def fit_group(found: list[Sample]) -> Fitted:
    decode = [sample for sample in found if sample.kind is not Kind.PREFILL]
    prefill = [sample for sample in found if sample.kind is Kind.PREFILL]
    misses = leave_one_out(decode, DECODE_GUESS) + leave_one_out(prefill, PREFILL_GUESS)
    return Fitted(fit(decode, DECODE_GUESS), fit(prefill, PREFILL_GUESS), misses)


def leave_one_out(found: list[Sample], guess: Prices) -> list[tuple[Sample, float]]:
    """For each sample, ln(predicted speed / measured) by constants fitted without any row of its model."""
    misses = []
    for model in sorted({sample.model for sample in found}):
        prices = fit([sample for sample in found if sample.model != model], guess)
        for sample in found:
            if sample.model == model:
                misses.append((sample, math.log(sample.seconds / seconds_of(sample.terms, prices))))
    return misses


def fit_all(rows: Iterable[Measurement]) -> dict[tuple[str, str], Fitted]:
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples(rows):
        groups[sample.group].append(sample)
    return {group: fit_group(groups[group]) for group in sorted(groups)}


def written(fitted: dict[tuple[str, str], Fitted]) -> str:
    """The generated module."""
    lines = [
        '"""The constants of the speed model. Written by `python -m scripts.fit_speed`; not edited by hand."""',
        "",
        "from tinderbox.plan.prices import Efficiency",
        "",
        "# Where nothing was measured: what physics would expect.",
        "GUESS = " + _entry(DECODE_GUESS, PREFILL_GUESS, {}, 0, 0).replace("\n    ", "\n"),
        "",
        "EFFICIENCY: dict[tuple[str, str], Efficiency] = {",
        f'    ("cpu", "llama.cpp"): {_entry(CPU_DECODE, CPU_PREFILL, {}, 0, 0)},',
    ]
    for group, one in fitted.items():
        models = len({sample.model for sample, _ in one.misses})
        entry = _entry(one.decode, one.prefill, one.spreads, models, len(one.misses))
        lines.append(f'    ("{group[0]}", "{group[1]}"): {entry},')
    return "\n".join([*lines, "}", ""])


def _entry(decode: Prices, prefill: Prices, spreads: Prices, models: int, rows: int) -> str:
    parts = [_prices("decode", decode), _prices("prefill", prefill), _prices("spreads", spreads)]
    return "Efficiency(\n" + "".join(parts) + f"        models={models},\n        rows={rows},\n    )"


def _prices(name: str, prices: Prices) -> str:
    inner = "".join(f'            "{term}": {value:.3f},\n' for term, value in prices.items())
    return f"        {name}={{\n{inner}        }},\n" if inner else f"        {name}={{}},\n"


def main() -> None:
    TARGET.write_text(written(fit_all(measurements())))
    sys.stdout.write(f"wrote {TARGET}\n")


if __name__ == "__main__":
    main()

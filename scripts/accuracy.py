"""The table of how well the speed model does on models that it was not fitted to: `python -m scripts.accuracy`.

With `--write` it goes into `docs/speed.md`, between the two marks there.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.fit_speed import Fitted, Sample, fit_all, spread_of
from scripts.speed_data import measurements
from tinderbox.plan.calibration import Kind

PAGE = Path(__file__).resolve().parent.parent / "docs" / "speed.md"
MARKS = ("<!-- accuracy -->", "<!-- end of accuracy -->")


@dataclass(frozen=True, slots=True)
class Score:
    """Relative errors of speeds, over so many rows of so many models; `held` is the share of intervals that held."""

    rows: int
    models: int
    median: float
    mean: float
    worst: float
    held: float


Wanted = Callable[[Sample], bool]


def score(fitted: dict[tuple[str, str], Fitted], wanted: Wanted) -> Score:
    """Over the samples that are wanted. Each interval is that of the other models' misses, without its own."""
    errors, held, models = [], 0, set()
    for one in fitted.values():
        for sample, miss in one.misses:
            if wanted(sample):
                errors.append(abs(math.exp(miss) - 1))
                models.add(sample.model)
                held += abs(miss) <= _spread_without(one, sample)
    return Score(
        len(errors),
        len(models),
        statistics.median(errors),
        statistics.mean(errors),
        max(errors),
        held / len(errors),
    )


def _spread_without(one: Fitted, sample: Sample) -> float:
    return spread_of(
        [(other, m) for other, m in one.misses if other.kind is sample.kind and other.model != sample.model]
    )


def of(kind: Kind, family: str | None = None, engine: str | None = None) -> Wanted:
    return lambda sample: (
        sample.kind is kind and family in (None, sample.group[0]) and engine in (None, sample.group[1])
    )


def table(fitted: dict[tuple[str, str], Fitted]) -> str:
    lines = [
        "| what | rows | models | median | mean | worst | interval held |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in Kind:
        lines.append(_line(f"{kind}, all", score(fitted, of(kind))))
        for (family, engine), one in fitted.items():
            if any(sample.kind is kind for sample, _ in one.misses):
                lines.append(_line(f"{kind}, {family}, {engine}", score(fitted, of(kind, family, engine))))
    return "\n".join(lines)


def _line(name: str, one: Score) -> str:
    shares = " | ".join(f"{share:.1%}" for share in (one.median, one.mean, one.worst, one.held))
    return f"| {name} | {one.rows} | {one.models} | {shares} |"


def main() -> None:
    text = table(fit_all(measurements()))
    if "--write" in sys.argv:
        before, rest = PAGE.read_text().split(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

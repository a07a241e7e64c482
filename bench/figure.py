"""`Result`: one promise, what was measured for it, and whether it was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Result:
    """`values` are the single measurements in `unit`; their median is held against `bar`."""

    what: str
    unit: str
    bar: float
    rule: Literal["at least", "at most"]
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def is_kept(self) -> bool:
        return self.median >= self.bar if self.rule == "at least" else self.median <= self.bar

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.median, "kept": self.is_kept}


def paired_ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Pair by pair, so that a machine that slows down in mid-run slows both sides."""
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def as_table(results: Sequence[Result]) -> str:
    """Markdown: the promise, the median, the spread, and whether it was kept."""
    rows = [
        f"| {r.what} | {r.rule} {r.bar:g} {r.unit} | {r.median:.3g} | {min(r.values):.3g} to {max(r.values):.3g} "
        f"| {len(r.values)} | {'yes' if r.is_kept else 'NO'} |"
        for r in results
    ]
    head = ["| what | bar | median | spread | runs | kept |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows])

"""The table of errors in docs/plan.md: what we count, set against the engine's own figures, by architecture.

    python scripts/memory_errors.py [--write]

With `--write` it replaces the table between the markers in docs/plan.md.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tinderbox.models.shapes import find_shape
from tinderbox.plan.footprint import footprint
from tinderbox.plan.settings import Settings

ROOT = Path(__file__).parents[1]
ORACLE = ROOT / "tests" / "plan" / "memory_oracle.csv"
PAGE = ROOT / "docs" / "plan.md"
START, END = "<!-- memory errors: written by scripts/memory_errors.py -->", "<!-- end of memory errors -->"


@dataclass(frozen=True, slots=True)
class Errors:
    """Bytes for weights and context; shares of the engine's figure for the other two."""

    weights: int
    context: int
    compute: float
    total: float


def errors_of(row: dict[str, str]) -> Errors:
    settings = Settings(
        context=int(row["context"]),
        ubatch=int(row["ubatch"]),
        parallel=int(row["sequences"]),
        kv_type=row["kv_type"],
        flash_attention=row["flash_attention"] == "1",
        unified=row["unified"] == "1",
        outputs=int(row["outputs"]) or None,
    )
    ours = footprint(find_shape(row["model"], row["quantisation"]), settings)
    weights, context, compute = (int(row[f"{part}_bytes"]) for part in ("weights", "context", "compute"))
    off = ours.weights + ours.context + ours.compute - weights - context - compute
    return Errors(
        abs(ours.weights - weights),
        abs(ours.context - context),
        (ours.compute - compute) / compute,
        off / (weights + context + compute),
    )


def table() -> list[str]:
    with ORACLE.open() as file:
        rows = list(csv.DictReader(file))
    groups: dict[str, list[Errors]] = defaultdict(list)
    for row in rows:
        groups[row["architecture"]].append(errors_of(row))
    every = [error for errors in groups.values() for error in errors]
    lines = [
        "| architecture | settings | weights, bytes | context, bytes | compute | total |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_line(name, errors) for name, errors in sorted(groups.items())]
    return [
        *lines,
        _line(f"**all {len(groups)}**", every),
        "",
        f"Engine: {rows[0]['engine']}. The largest error of each.",
    ]


def _line(name: str, errors: list[Errors]) -> str:
    weights, context = max(e.weights for e in errors), max(e.context for e in errors)
    compute, total = max((e.compute for e in errors), key=abs), max((e.total for e in errors), key=abs)
    return f"| {name} | {len(errors)} | {weights} | {context} | {compute:+.1%} | {total:+.2%} |"


def main(arguments: list[str]) -> None:
    lines = "\n".join(table())
    if arguments != ["--write"]:
        print(lines)
        return
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(f"{before}{START}\n{lines}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])

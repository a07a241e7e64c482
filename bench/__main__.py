"""`python -m bench [--quick]`: measure everything, print a table, write it beside the figures as JSON."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import CACHE
from tests.journeys.running import STARTER, furnish
from tests.models.fuzz import fuzz

from bench.command_line import measure_commands, measure_size
from bench.deciding import measure_deciding
from bench.figure import Result
from bench.loading_beside import measure_loading_beside
from bench.planning import measure_plans
from bench.report import report, this_run
from bench.returning import measure_returning
from bench.serving import measure_serving, measure_start
from bench.sharing import measure_sharing
from bench.swapping import OTHER, measure_swapping
from tinderbox.models.download import pull
from tinderbox.models.store import Store


def main() -> None:
    quick = "--quick" in sys.argv
    about = this_run()
    store = Store(CACHE)
    results = measure(pull(store, STARTER).path, pull(store, OTHER).path, rounds=3 if quick else 9)
    fuzzed = fuzz(seconds=5 if quick else 120, seed=datetime.now(UTC).toordinal())
    report(results, about | {"fuzzed headers": dict(fuzzed)})


def measure(starter: Path, other: Path, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        commands = measure_commands(home, rounds * 2)
        plans = measure_plans(home, rounds)
    return [
        *commands,
        *plans,
        *measure_size(),
        *measure_deciding(rounds),
        *measure_loading_beside(starter, rounds),
        *asyncio.run(measure_start(starter, rounds)),
        *asyncio.run(measure_serving(starter, rounds)),
        *asyncio.run(measure_sharing(starter, rounds * 4)),
        *asyncio.run(measure_returning(starter, max(1, rounds // 3))),
        *asyncio.run(measure_swapping(starter, other, rounds)),
    ]


main()

"""`python -m bench [--quick]`: measure everything, print a table, write it beside the figures as JSON."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conftest import CACHE
from tests.journeys.running import STARTER, furnish

from bench.command_line import measure_commands, measure_size
from bench.crowd import measure_crowd
from bench.deciding import measure_deciding
from bench.enduring import measure_enduring
from bench.figure import Result
from bench.finding import measure_finding
from bench.flooding import measure_flooding
from bench.loading_beside import measure_loading_beside
from bench.planning import measure_plans
from bench.report import report, this_run
from bench.returning import measure_returning
from bench.serving import measure_serving, measure_start
from bench.sharing import measure_sharing
from bench.swapping import OTHER, measure_swapping
from bench.training import measure_training
from tinderbox.models.download import pull
from tinderbox.models.store import Store


def main() -> None:
    quick = "--quick" in sys.argv
    about = this_run()
    store = Store(CACHE)
    starter, other = pull(store, STARTER).path, pull(store, OTHER).path
    results = measure(starter, other, rounds=3 if quick else 9)
    lasting = asyncio.run(measure_lasting(starter, requests=1000 if quick else 20_000, rounds=1 if quick else 3))
    report([*results, *lasting], about)


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
        *measure_finding(OTHER, other),
        *measure_loading_beside(starter, rounds),
        *asyncio.run(measure_start(starter, rounds)),
        *asyncio.run(measure_serving(starter, rounds)),
        *asyncio.run(measure_sharing(starter, rounds * 4)),
        *asyncio.run(measure_returning(starter, max(1, rounds // 3))),
        *asyncio.run(measure_swapping(starter, other, rounds)),
        *measure_training(starter, rounds),
    ]


async def measure_lasting(starter: Path, requests: int, rounds: int) -> list[Result]:
    """What many do to a box: those who ask much, those who ask at once, and those who ask what is no request."""
    return [
        *await measure_enduring(starter, requests),
        *await measure_crowd(starter, rounds),
        *await measure_flooding(starter, 5 * requests),
    ]


main()

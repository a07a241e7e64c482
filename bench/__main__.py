"""`python -m bench [--quick]`: measure everything, print a table, write it beside the figures as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import CACHE
from tests.journeys.running import STARTER, furnish
from tests.models.fuzz import fuzz

from bench.command_line import measure_commands, measure_size
from bench.figure import Result, as_table
from bench.planning import measure_plans
from bench.returning import measure_returning
from bench.serving import measure_serving, measure_start
from bench.sharing import measure_sharing
from bench.swapping import OTHER, measure_swapping
from tinderbox.models.download import pull
from tinderbox.models.store import Store

RESULTS = Path("bench/results")


def main() -> None:
    quick = "--quick" in sys.argv
    rounds = 3 if quick else 9
    starter = pull(Store(CACHE), STARTER).path
    other = pull(Store(CACHE), OTHER).path
    results = measure(starter, other, rounds)
    fuzzed = fuzz(seconds=5 if quick else 120, seed=datetime.now(UTC).toordinal())
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load before": os.getloadavg()[0],
        "fuzzed headers": dict(fuzzed),
    }
    table = as_table(results)
    print(f"\n{table}\n\n{json.dumps(about)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    written = about | {"results": [result.as_json() for result in results]}
    (RESULTS / f"{name}.json").write_text(json.dumps(written, indent=1))
    (RESULTS / f"{name}.md").write_text(f"{table}\n\n{json.dumps(about)}\n")


def measure(starter: Path, other: Path, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        commands = measure_commands(home, rounds * 2)
        plans = measure_plans(home, rounds)
    return [
        *commands,
        *plans,
        *measure_size(),
        *asyncio.run(measure_start(starter, rounds)),
        *asyncio.run(measure_serving(starter, rounds)),
        *asyncio.run(measure_sharing(starter, rounds * 4)),
        *asyncio.run(measure_returning(starter, max(1, rounds // 3))),
        *asyncio.run(measure_swapping(starter, other, rounds)),
    ]


main()

"""What a run of benchmarks leaves behind: a table on the screen, and the same beside every single figure in
`bench/results/`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figure import Result, as_table

RESULTS = Path("bench/results")


def this_run() -> dict[str, Any]:
    """What the figures of a run depend on; ask before it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load before": os.getloadavg()[0],
    }


def report(results: Sequence[Result], about: Mapping[str, Any], kind: str = "") -> None:
    table = as_table(results)
    print(f"\n{table}\n\n{json.dumps(about)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = kind + datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    written = {**about, "results": [result.as_json() for result in results]}
    (RESULTS / f"{name}.json").write_text(json.dumps(written, indent=1))
    (RESULTS / f"{name}.md").write_text(f"{table}\n\n{json.dumps(about)}\n")

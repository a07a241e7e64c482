"""How long a plan keeps a person waiting: one from a cold start, and a thousand rows."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from itertools import cycle, islice, product
from pathlib import Path

from tests.journeys.running import environment

from bench.figure import Result

ROWS = 1000
MODELS = ("gpt-oss-120b", "qwen3-8b", "llama-3.3-70b", "gemma-3-27b", "qwen3-30b-a3b", "deepseek-r1", "glm-4.5-air")
BOXES = ("gb10", "strix-halo", "m3-ultra", "rtx-5090")
DEPTHS = (0, 1024, 4096, 32768)


def measure_plans(home: Path, rounds: int) -> list[Result]:
    file = home / "rows.csv"
    write_rows(file)
    one = ["plan", "gpt-oss-120b", "--box", "dgx-spark", "--json"]
    many = ["plan", "--rows", str(file), "--json"]
    return [
        Result("tinderbox plan gpt-oss-120b --box dgx-spark, cold", "s", 0.3, "at most", _times(home, one, rounds)),
        Result(f"tinderbox plan --rows, {ROWS} rows", "s", 5, "at most", _times(home, many, max(1, rounds // 3))),
    ]


def write_rows(file: Path) -> None:
    """Every model on every box at every depth, over and over."""
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("model", "box", "depth"))
        writer.writerows(islice(cycle(product(MODELS, BOXES, DEPTHS)), ROWS))


def _times(home: Path, words: list[str], rounds: int) -> tuple[float, ...]:
    command = [str(Path(sys.executable).with_name("tinderbox")), *words]
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        subprocess.run(command, env=environment(home), stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begun)
    return tuple(times)

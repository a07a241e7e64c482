"""How fast the trainer is beside a bare loop of transformers and peft (bare_loop.py), and whether it holds the memory
that was predicted."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.conftest import CACHE

from bench.figure import Result, paired_ratios
from tinderbox.environments import find
from tinderbox.errors import TinderboxError
from tinderbox.train.recipe import Recipe

LOOP = Path(__file__).with_name("bare_loop.py")
EXAMPLES = 8


def measure_training(starter: Path, rounds: int) -> list[Result]:
    """Nothing where the environment was not added to the tests' own home."""
    try:
        environment = find(CACHE, "train")
    except TinderboxError as error:
        print(f"training is not measured: {error}")
        return []
    environment.command("tinderbox")
    with tempfile.TemporaryDirectory() as name:
        orders = write_orders(Path(name), starter)
        ended = subprocess.run(
            [environment.python, "-I", LOOP, orders, str(rounds)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
    pairs = json.loads(ended.stderr.splitlines()[-1])
    ratios = paired_ratios([bare for _, bare in pairs], [ours for ours, _ in pairs])
    return [Result("training steps/s against a bare loop", "x", 0.97, "at least", ratios)]


def write_orders(folder: Path, starter: Path) -> Path:
    lines = [{"prompt": f"What is number {n}?", "completion": f"Number {n} is the {n}th." * 3} for n in range(EXAMPLES)]
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = Recipe("smollm2:135m", str(data), "bench", rank=8, alpha=16, batch=EXAMPLES, steps=1000, held_out=0.0)
    orders = folder / "orders.json"
    told = {"path": str(starter), "folder": str(folder), "threads": 1, "recipe": asdict(recipe)}
    orders.write_text(json.dumps(told))
    return orders


__all__ = ["measure_training"]

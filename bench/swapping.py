"""How long a person waits when another model has to come: the swap, and how fast weights are loaded."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.journeys.running import STARTER, furnish

from bench.figure import Result
from bench.serving import started
from bench.stream import Endpoint, ask
from tinderbox.client import find_box
from tinderbox.daemon import physical_cores
from tinderbox.engines.engine import Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.models.store import Store

OTHER = "qwen2.5-coder:0.5b"
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 1, "temperature": 0}
CHUNK = 1 << 24  # bytes read at once


async def measure_swapping(starter: Path, other: Path, rounds: int) -> list[Result]:
    swaps = await _swaps(starter, other, rounds)
    warm = [await _share(other, cold=False) for _ in range(rounds)]
    cold = [await _share(other, cold=True) for _ in range(rounds)]
    return [
        Result(f"swap to {OTHER}, its file in memory, to the first token", "s", 1.5, "at most", swaps),
        Result(f"load rate of {OTHER} against reading its file from memory", "x", 0.7, "at least", tuple(warm)),
        Result(f"load rate of {OTHER} against reading its file from the disk", "x", 0.7, "at least", tuple(cold)),
    ]


async def _swaps(starter: Path, other: Path, rounds: int) -> tuple[float, ...]:
    """At the default context: one model leaves, with a conversation to save, and the other answers."""
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        Store(home).add_file(other, OTHER)
        settings = ["--context", "8192", "--parallel", "4"]
        async with started(home, settings) as (box, _):
            return tuple([await _swap(home, box, number) for number in range(rounds)])


async def _swap(home: Path, box: Endpoint, number: int) -> float:
    words = " ".join(f"{number} and {word}" for word in range(60))
    await ask(box, HELLO | {"model": STARTER, "messages": [{"role": "user", "content": words}]})
    begun = time.perf_counter()
    await asyncio.to_thread(_stop, home, STARTER)
    left = time.perf_counter() - begun
    answer = await ask(box, HELLO | {"model": OTHER})
    await asyncio.to_thread(_stop, home, OTHER)
    return left + answer.first


def _stop(home: Path, model: str) -> None:
    with find_box(home) as box:
        box.stop(model)


async def _share(weights: Path, *, cold: bool) -> float:
    """The whole load, vocabulary and context included, as a share of the speed at which the file alone is read."""
    prepare(weights, cold=cold)
    reading = _seconds_to_read(weights)
    prepare(weights, cold=cold)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(OTHER, weights, context=8192, parallel=4, threads=physical_cores())
        engine = LlamaCpp(settings, Path(folder), Path(folder) / "log")
        begun = time.perf_counter()
        await engine.load()
        loading = time.perf_counter() - begun
        await engine.close()
    return reading / loading


def prepare(weights: Path, *, cold: bool) -> None:
    if not cold:
        _seconds_to_read(weights)
        return
    with weights.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _seconds_to_read(weights: Path) -> float:
    buffer = bytearray(CHUNK)
    begun = time.perf_counter()
    with weights.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - begun

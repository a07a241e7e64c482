"""What the box costs over the engine alone: the same model, the same settings, asked in turns."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from tests.journeys.running import STARTER, descendants, environment, furnish

from bench.figure import Result, paired_ratios
from bench.stream import Answer, Endpoint, ask
from tinderbox.daemon import physical_cores
from tinderbox.engines.engine import Settings
from tinderbox.engines.llamacpp import LlamaCpp

CONTEXT, STREAMS = 1024, 8
SHORT: dict[str, Any] = {
    "model": STARTER,
    "messages": [{"role": "user", "content": "Tell me about the sea."}],
    "temperature": 0,
    "ignore_eos": True,
}


async def measure_serving(starter: Path, rounds: int) -> list[Result]:
    async with _alone(starter) as alone, _box(starter) as (box, pid):
        decode = [await _pair(alone, box, SHORT | {"max_tokens": 96}, number) for number in range(rounds)]
        prefill = [await _pair(alone, box, _long(number), number) for number in range(rounds)]
        first = [await _pair(alone, box, SHORT | {"max_tokens": 1}, number) for number in range(rounds * 10)]
        many = [(await _together(alone), await _together(box)) for _ in range(rounds)]
        model = descendants(pid)[0]
        held = psutil.Process(model).memory_info().rss
    added = tuple((ours.first - theirs.first) * 1000 for theirs, ours in first)
    print(f"the model's process held {held / 1e6:.0f} MB")
    return [
        _ratio("decode through the box against the engine alone", decode, "decode"),
        _ratio("prefill through the box against the engine alone", prefill, "prefill"),
        Result("added to the time to the first token", "ms", 5, "at most", added),
        Result(
            f"{STREAMS} streams at once, total tokens/s, against the engine's own server",
            "x",
            0.97,
            "at least",
            paired_ratios([ours for _, ours in many], [theirs for theirs, _ in many]),
        ),
    ]


async def measure_start(starter: Path, rounds: int) -> list[Result]:
    """From `tinderbox up` to the first token; and what the box itself holds before a model is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        times = [await _first_token(home) for _ in range(rounds)]
        held = []
        async with started(home, []) as (_, pid):
            held.append(psutil.Process(pid).memory_info().rss / 1e6)
    return [
        Result("starter model: from `tinderbox up` to the first token", "s", 3, "at most", tuple(times)),
        Result("resident memory of the box with no model", "MB", 90, "at most", tuple(held)),
    ]


async def _first_token(home: Path) -> float:
    begun = time.perf_counter()
    async with started(home, ["--model", STARTER]) as (endpoint, _):
        reached = time.perf_counter()
        answer = await ask(endpoint, SHORT | {"max_tokens": 1})
    return reached - begun + answer.first


async def _pair(alone: Endpoint, box: Endpoint, body: dict[str, Any], number: int) -> tuple[Answer, Answer]:
    """The engine's answer and the box's; every other time the box is asked first, so that neither place is favoured."""
    if number % 2:
        ours = await ask(box, body)
        return await ask(alone, body), ours
    return await ask(alone, body), await ask(box, body)


async def _together(endpoint: Endpoint) -> float:
    begun = time.perf_counter()
    answers = await asyncio.gather(*(ask(endpoint, SHORT | {"max_tokens": 64}) for _ in range(STREAMS)))
    return sum(answer.tokens for answer in answers) / (time.perf_counter() - begun)


def _long(number: int) -> dict[str, Any]:
    """Some 600 tokens of prompt, none of which is cached from the question before."""
    words = " ".join(f"{number} and {word}" for word in range(90))
    return SHORT | {"max_tokens": 1, "cache_prompt": False, "messages": [{"role": "user", "content": words}]}


def _ratio(what: str, pairs: list[tuple[Answer, Answer]], figure: str) -> Result:
    ours = [getattr(ours, figure) for _, ours in pairs]
    theirs = [getattr(theirs, figure) for theirs, _ in pairs]
    return Result(what, "x", 0.97, "at least", paired_ratios(ours, theirs))


@asynccontextmanager
async def _alone(starter: Path) -> AsyncIterator[Endpoint]:
    settings = Settings(STARTER, starter, context=CONTEXT, parallel=STREAMS, threads=physical_cores())
    with tempfile.TemporaryDirectory() as folder:
        engine = LlamaCpp(settings, Path(folder), Path(folder) / "log")
        await engine.load()
        try:
            yield Endpoint(socket=engine.socket, secret=engine.secret)
        finally:
            await engine.close()


@asynccontextmanager
async def _box(starter: Path) -> AsyncIterator[tuple[Endpoint, int]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--model", STARTER, "--context", str(CONTEXT), "--parallel", str(STREAMS)]
        async with started(furnish(Path(folder), starter), settings) as (endpoint, pid):
            await ask(endpoint, SHORT | {"max_tokens": 1})
            yield endpoint, pid


@asynccontextmanager
async def started(home: Path, words: list[str]) -> AsyncIterator[tuple[Endpoint, int]]:
    """A box in a process of its own, as `tinderbox up` starts it; yields once it says where it listens."""
    import json
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tinderbox", "up", "--port", "0", *words, env=environment(home), stdout=-3
    )
    written = home / "box.json"
    try:
        while not written.exists():
            await asyncio.sleep(0.005)
        address = json.loads(written.read_text())["address"]
        yield Endpoint(port=int(address.rpartition(":")[2])), process.pid
    finally:
        process.terminate()
        await process.wait()

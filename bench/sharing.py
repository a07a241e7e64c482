"""What a job costs the people who use the box meanwhile: decode beside a quantise job on all cores, against alone."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.journeys.running import STARTER, furnish

from bench.figure import Result, paired_ratios
from bench.serving import SHORT, started
from bench.stream import Endpoint, ask
from tinderbox.client import Client, find_box

BAR = 0.85
TOKENS = 48  # short answers and many of them: what else the machine does comes and goes
ORDER = {"model": STARTER, "type": "iq3_s", "requantise": True}  # the slowest kernel there is: half a minute of work


async def measure_sharing(starter: Path, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        async with started(home, ["--context", "1024", "--parallel", "1", "--model", STARTER]) as (endpoint, _):
            await ask(endpoint, SHORT | {"max_tokens": 8})
            pairs = [await _pair(home, endpoint, number) for number in range(rounds)]
    beside, alone = [beside for beside, _ in pairs], [alone for _, alone in pairs]
    what = "decode beside a quantise job on all cores, against alone"
    return [Result(what, "x", BAR, "at least", paired_ratios(beside, alone))]


async def _pair(home: Path, endpoint: Endpoint, number: int) -> tuple[float, float]:
    """Tokens a second beside the job and alone; every other time alone comes first."""
    if number % 2:
        alone = await _decode(endpoint)
        async with _at_work(home, number):
            return await _decode(endpoint), alone
    async with _at_work(home, number):
        beside = await _decode(endpoint)
    return beside, await _decode(endpoint)


async def _decode(endpoint: Endpoint) -> float:
    return (await ask(endpoint, SHORT | {"max_tokens": TOKENS})).decode


@asynccontextmanager
async def _at_work(home: Path, number: int) -> AsyncIterator[None]:
    """A job that converts weights for as long as the block lasts."""
    with find_box(home) as box:
        job = await asyncio.to_thread(box.submit, "quantise", ORDER | {"name": f"made:{number}"})
        while not await asyncio.to_thread(_is_converting, box, job["number"]):
            await asyncio.sleep(0.05)
        yield
        left = await asyncio.to_thread(box.stop_job, job["number"])
        if left["state"] != "stopped":
            raise RuntimeError(f"the job did not last: {json.dumps(left)}")


def _is_converting(box: Client, number: int) -> bool:
    job: dict[str, Any] = box.job(number)
    if job["state"] not in ("waiting", "running"):
        raise RuntimeError(f"the job does not run: {json.dumps(job)}")
    return bool(job["kept"])

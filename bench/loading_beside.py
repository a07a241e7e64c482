"""What a load costs those who are answered meanwhile: the first token of a loaded model, alone and while another one
loads, in turns."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import httpx2
from tests.journeys.running import STARTER, Running, furnish, running

from bench.figure import Result, paired_ratios
from bench.serving import SHORT
from bench.stream import Endpoint, ask
from tinderbox.models.store import Store

OTHER = "another:1"  # the same weights under another name: a process of its own


def measure_loading_beside(starter: Path, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        Store(home).add_file(starter, OTHER)
        with running(home, "--model", STARTER) as box:
            pairs = asyncio.run(_pairs(box, rounds))
    ratios = paired_ratios([beside for beside, _ in pairs], [alone for _, alone in pairs])
    what = "first token of a loaded model while another loads, against alone"
    return [Result(what, "x", 1.2, "at most", ratios)]


async def _pairs(box: Running, rounds: int) -> list[tuple[float, float]]:
    endpoint = Endpoint(port=int(box.address.rpartition(":")[2]))
    async with httpx2.AsyncClient(base_url=box.address, timeout=60) as client:
        await ask(endpoint, SHORT | {"max_tokens": 1})
        return [await _pair(client, endpoint) for _ in range(rounds)]


async def _pair(client: httpx2.AsyncClient, endpoint: Endpoint) -> tuple[float, float]:
    """The median of as many first tokens as a load has time for, and of as many alone after it."""
    loading = asyncio.create_task(client.post("/box/load", json={"model": OTHER}))
    beside = [first async for first in _firsts(endpoint, loading)]
    (await loading).raise_for_status()
    (await client.post("/box/stop", json={"model": OTHER})).raise_for_status()
    alone = [(await ask(endpoint, SHORT | {"max_tokens": 1})).first for _ in beside]
    return median(beside), median(alone)


async def _firsts(endpoint: Endpoint, loading: asyncio.Task[httpx2.Response]) -> AsyncIterator[float]:
    while not loading.done():
        yield (await ask(endpoint, SHORT | {"max_tokens": 1})).first

"""What malformed input does: to the server, over sockets, before echoes and before a real model; to the readers of
models' headers."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from tests.journeys.running import STARTER, descendants, environment, furnish
from tests.models.fuzz import fuzz_apart, most_held
from tests.serve.flood import Flood, flood

from bench.enduring import give_key
from bench.figure import Result
from bench.serving import SHORT, started
from bench.stream import Endpoint, ask

SEED = 20
SHARE = 10  # a real model is asked one for so many that echoes are
PULSE = 0.1  # seconds between two looks at whether the server lives


async def measure_flooding(starter: Path, count: int) -> list[Result]:
    async with _house() as (port, pid):
        echoed = await _flooded(f"{count} malformed requests", Endpoint(port), pid, count, "echo:1b")
    few, settings = count // SHARE, ["--context", "256", "--parallel", "4"]
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        secret = give_key(home, "flooding")
        async with started(home, settings) as (box, pid):
            endpoint = Endpoint(box.port, secret=secret)
            await ask(endpoint, SHORT | {"max_tokens": 1})
            before = descendants(pid)
            asked = await _flooded(f"{few} malformed requests at a real model", endpoint, pid, few, STARTER)
            crashed = float(descendants(pid) != before)
    what = f"{few} malformed requests at a real model: its process ended"
    return [*echoed, *asked, Result(what, "", 0, "at most", (crashed,)), *_headers(count)]


def _headers(count: int) -> list[Result]:
    fuzzed = fuzz_apart(count, SEED)
    print(f"{count} malformed headers: {dict(fuzzed.answers)}")
    what = f"{count} malformed headers of models"
    return [
        Result(f"{what}: the slowest", "s", 1, "at most", (fuzzed.slowest,)),
        Result(f"{what}: most memory", "MB", 200, "at most", (fuzzed.most_memory / 1e6,)),
    ]


async def _flooded(what: str, server: Endpoint, pid: int, count: int, model: str) -> list[Result]:
    """A server that is asked all the while whether it lives: its longest silence is what a hang would be."""
    silences: list[float] = []
    beating = asyncio.create_task(_listen(server.port, silences))
    begun = time.perf_counter()
    seen = await flood(server.port, count, SEED, model, server.secret)
    beating.cancel()
    _tell(what, seen, time.perf_counter() - begun)
    return [
        Result(f"{what}: faults", "", 0, "at most", (float(len(seen.faults)),)),
        Result(f"{what}: longest silence of the server", "s", 1, "at most", (max(silences),)),
        Result(f"{what}: most memory", "MB", 200, "at most", (most_held(pid) / 1e6,)),
    ]


async def _listen(port: int, silences: list[float]) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
        while True:
            begun = time.perf_counter()
            (await client.get("/healthz")).raise_for_status()
            silences.append(time.perf_counter() - begun)
            await asyncio.sleep(PULSE)


def _tell(what: str, seen: Flood, seconds: float) -> None:
    print(f"{what}: {dict(seen.answers)} in {seconds:.0f} s; slowest refusal {seen.slowest:.2f} s", end="; ")
    print(f"slowest answer {seen.slowest_answer:.2f} s")
    for sent, answer in seen.faults[:5]:
        print(sent[:300], sent[-300:], answer[-300:])


@asynccontextmanager
async def _house() -> AsyncIterator[tuple[int, int]]:
    """A server of echoes in a process of its own: its port and its process."""
    words = (sys.executable, "-m", "tests.serve.house")
    environs = environment(Path(tempfile.gettempdir())) | {"PYTHONPATH": "src:."}
    process = await asyncio.create_subprocess_exec(*words, env=environs, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.terminate()
        await process.wait()

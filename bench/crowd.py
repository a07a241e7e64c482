"""Many at once: a thousand connections that rest while two hundred ask; and two keys of which one asks far more."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import psutil
from tests.journeys.running import STARTER, furnish

from bench.enduring import client_of, give_key
from bench.figure import Result
from bench.serving import SHORT, started

IDLE, ASKERS = 1000, 200
GREEDY, MODEST = 32, 4  # questions that each of two keys has open all the while
SLOTS, WORDS = 2, 8
SETTINGS = ["--context", "512", "--parallel", str(SLOTS), "--model", STARTER]


async def measure_crowd(starter: Path, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        greedy, modest = give_key(home, "greedy"), give_key(home, "modest")
        async with started(home, SETTINGS) as (box, pid):
            async with client_of(box.port, greedy, ASKERS) as client:
                refused = [await _crowded(client, box.port, pid) for _ in range(rounds)]
            shares = [await _share(box.port, greedy, modest, answers=100) for _ in range(rounds)]
    what = f"of two keys with {GREEDY} and {MODEST} questions open, the smaller share of the answers against a half"
    return [
        Result(
            f"{IDLE} connections, {ASKERS} chats at once: neither answered nor told when to come again",
            "",
            0,
            "at most",
            tuple(refused),
        ),
        Result(what, "x", 0.8, "at least", tuple(shares)),
    ]


async def _crowded(client: httpx2.AsyncClient, port: int, pid: int) -> float:
    """How many of the chats met an error other than 429 or 503 with a time to come again."""
    async with _resting(port):
        begun = time.perf_counter()
        answers = await asyncio.gather(
            *(client.post("/v1/chat/completions", json=SHORT | {"max_tokens": 1}) for _ in range(ASKERS))
        )
        took, held = time.perf_counter() - begun, psutil.Process(pid).memory_info().rss
    print(
        f"{dict(Counter(answer.status_code for answer in answers))} in {took:.1f} s; the box held {held / 1e6:.0f} MB"
    )
    return float(sum(not _is_clear(answer) for answer in answers))


def _is_clear(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 or (answer.status_code in (429, 503) and "retry-after" in answer.headers)


@asynccontextmanager
async def _resting(port: int) -> AsyncIterator[None]:
    """Connections that were opened and say nothing."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(IDLE)]
    try:
        yield
    finally:
        for _, writer in opened:
            writer.close()


async def _share(port: int, greedy: str, modest: str, answers: int) -> float:
    async with client_of(port, greedy) as many, client_of(port, modest) as few:
        given: Counter[str] = Counter()
        asking = [_ask_on(many, "greedy", given, answers) for _ in range(GREEDY)]
        await asyncio.gather(*asking, *(_ask_on(few, "modest", given, answers) for _ in range(MODEST)))
    print(f"answers: {dict(given)}")
    return 2 * min(given["greedy"], given["modest"]) / given.total()


async def _ask_on(client: httpx2.AsyncClient, name: str, given: Counter[str], answers: int) -> None:
    """One question after another until both keys together have so many answers."""
    while True:
        answer = await client.post("/v1/chat/completions", json=SHORT | {"max_tokens": WORDS})
        answer.raise_for_status()
        if given.total() >= answers:
            return
        given[name] += 1

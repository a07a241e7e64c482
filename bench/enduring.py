"""Whether the box stays as small as it was: thousands of requests through every API, with a key and all checks on."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx2
import psutil
from tests.journeys.running import STARTER, descendants, furnish

from bench.figure import Result
from bench.serving import started
from tinderbox.keys import Limits, Scope, add_key, make_key

EVERY = 500  # requests between two looks at the memory
AT_ONCE = 4
SCOPES: tuple[Scope, ...] = ("chat", "models", "jobs", "metrics")
PLENTY = Limits(requests_per_minute=1_000_000, tokens_per_day=1_000_000_000, at_once=1000)
LEAVES = 17  # every so many requests, who asked goes away after the first piece


@dataclass(slots=True)
class Endured:
    """Bytes of the box and of its model after each 500 requests; how many were answered with what."""

    box: list[int] = field(default_factory=list)
    model: list[int] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


async def measure_enduring(starter: Path, requests: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        secret = give_key(home, "enduring")
        async with started(home, ["--context", "512", "--parallel", "4", "--model", STARTER]) as (box, pid):
            endured = await _endure(client_of(box.port, secret), pid, requests)
    first = endured.box[0]
    print(f"{requests} requests: {dict(endured.answers)}")
    print(f"MB of the box: {_megabytes(endured.box)}")
    print(f"MB of its model: {_megabytes(endured.model)}")
    what = f"memory of the box over {requests} requests"
    return [
        Result(f"{what}, largest against first", "x", 1.1, "at most", (max(endured.box) / first,)),
        Result(f"{what}, smallest against first", "x", 0.9, "at least", (min(endured.box) / first,)),
        Result(f"{what}: not answered with 200", "requests", 0, "at most", (requests - endured.answers[200],)),
    ]


def give_key(home: Path, name: str) -> str:
    """What opens a box on `home` that starts after this."""
    key, secret = make_key(name, SCOPES, PLENTY)
    add_key(home, key)
    return secret


def client_of(port: int, secret: str, connections: int = 100) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {secret}"},
        limits=httpx2.Limits(max_connections=connections),
        timeout=300,
    )


async def _endure(client: httpx2.AsyncClient, pid: int, requests: int) -> Endured:
    endured, numbers = Endured(), count()
    async with client:
        for _ in range(requests // EVERY):
            batch = islice(numbers, EVERY)
            await asyncio.gather(*(_ask_all(client, batch, endured.answers) for _ in range(AT_ONCE)))
            endured.box.append(psutil.Process(pid).memory_info().rss)
            endured.model += [psutil.Process(model).memory_info().rss for model in descendants(pid)[:1]]
    return endured


async def _ask_all(client: httpx2.AsyncClient, numbers: Iterator[int], answers: Counter[int]) -> None:
    for number in numbers:
        method, path, body = _request(number)
        async with client.stream(method, path, json=body) as response:
            answers[response.status_code] += 1
            async for _ in response.aiter_bytes():
                if number % LEAVES == 0:
                    break


def _request(number: int) -> tuple[str, str, dict[str, Any] | None]:
    """One after another of what clients ask, each time in other words."""
    words = f"Tell me of the number {number}."
    said = {"model": STARTER, "messages": [{"role": "user", "content": words}]}
    streamed = {"stream": bool(number // 16 % 2)}
    schema = {"type": "object", "properties": {f"n{number % 100}": {"type": "integer"}}}
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/v1/chat/completions", said | streamed | {"max_tokens": 2}),
        ("POST", "/v1/chat/completions", said | {"max_tokens": 1, "stream": True}),
        ("POST", "/v1/chat/completions", said | {"max_tokens": 1, "tools": [_tool(schema)]}),
        ("POST", "/v1/completions", {"model": STARTER, "prompt": words, "max_tokens": 1} | streamed),
        ("POST", "/v1/embeddings", {"model": STARTER, "input": [words]}),
        ("POST", "/v1/responses/input_tokens", {"model": STARTER, "input": words}),
        ("POST", "/v1/responses", {"model": STARTER, "input": words, "max_output_tokens": 1} | streamed),
        ("POST", "/v1/messages", said | {"max_tokens": 1} | streamed),
        ("POST", "/v1/messages/count_tokens", said),
        ("POST", "/api/chat", said | {"options": {"num_predict": 1}} | streamed),
        ("POST", "/api/generate", {"model": STARTER, "prompt": words, "options": {"num_predict": 1}}),
        ("POST", "/api/embed", {"model": STARTER, "input": words}),
        ("GET", "/v1/models", None),
        ("GET", "/api/tags", None),
        ("GET", "/box/ps", None),
        ("GET", "/metrics", None),
    ]
    return asked[number % len(asked)]


def _tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "note", "parameters": schema}}


def _megabytes(sizes: list[int]) -> str:
    return " ".join(f"{size / 1e6:.1f}" for size in sizes)

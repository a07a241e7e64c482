"""People who ask a box for this and that, all day: streamed and whole answers, some of them left in the middle."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import httpx2

End = Literal["answered", "refused", "left", "cut", "failed", "frozen"]
DEADLINE = 180.0  # seconds for a wait, a load and an answer, on a machine that does other things too
STARTS = ("Tell me about", "Write a line on", "What is", "List three facts about", "Why do people like")
THINGS = ("the sea", "trains", "copper", "a good desk", "rain", "memory", "bread", "the number seven")


@dataclass(slots=True)
class Asked:
    """One question. `loaded`: whether its model was there when it was asked; `first` in seconds."""

    model: str
    loaded: bool
    end: End = "frozen"
    first: float | None = None
    words: str = ""


@dataclass(slots=True)
class People:
    """They ask the box at `address` for `models` until `over`; `is_loaded` says what is there."""

    address: str
    models: Sequence[str]
    is_loaded: Callable[[str], bool]
    random: Random
    asked: list[Asked] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def live(self, count: int) -> None:
        async with httpx2.AsyncClient(base_url=self.address, timeout=DEADLINE) as client:
            await asyncio.gather(*(self._person(client) for _ in range(count)))

    async def _person(self, client: httpx2.AsyncClient) -> None:
        while not self.over.is_set():
            favourites = [1 / (place + 1) for place in range(len(self.models))]
            (model,) = self.random.choices(self.models, favourites)
            asked = Asked(model, self.is_loaded(model))
            self.asked.append(asked)
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._ask(client, asked)
            except TimeoutError:
                asked.end = "frozen"
            except httpx2.HTTPError as error:
                asked.end, asked.words = "failed", f"{type(error).__name__}: {error}"
            await asyncio.sleep(self.random.expovariate(0.5))

    async def _ask(self, client: httpx2.AsyncClient, asked: Asked) -> None:
        tokens = self.random.randint(4, 32)
        leaves = self.random.randint(1, 6) if self.random.random() < 0.15 else None  # events
        words = f"{self.random.choice(STARTS)} {self.random.choice(THINGS)}. " * self.random.choice((1, 1, 1, 20))
        body = {
            "model": asked.model,
            "messages": [{"role": "user", "content": words}],
            "max_tokens": tokens,
            "ignore_eos": True,
        }
        if leaves is None and self.random.random() < 0.3:
            await _whole(client, body, asked)
        elif leaves is None or self.random.random() < 0.7:
            await _streamed(client, body, asked, leaves)
        else:
            await self._give_up(client, body, asked)

    async def _give_up(self, client: httpx2.AsyncClient, body: dict[str, Any], asked: Asked) -> None:
        """Go away after a while, wherever the question is then: in the line, before a load, or in its answer."""
        try:
            async with asyncio.timeout(self.random.uniform(0.05, 5)):
                await _streamed(client, body, asked, None)
        except TimeoutError:
            asked.end = "left"


async def _whole(client: httpx2.AsyncClient, body: dict[str, Any], asked: Asked) -> None:
    response = await client.post("/v1/chat/completions", json=body)
    if response.status_code != 200:
        _refused(response, asked)
        return
    made = response.json()["usage"]["completion_tokens"]
    asked.end = "answered" if made == body["max_tokens"] else "cut"


async def _streamed(client: httpx2.AsyncClient, body: dict[str, Any], asked: Asked, leaves: int | None) -> None:
    """`leaves`: after so many events; None: stay to the end."""
    begun, events = time.perf_counter(), []
    whole = body | {"stream": True, "stream_options": {"include_usage": True}}
    async with client.stream("POST", "/v1/chat/completions", json=whole) as response:
        if response.status_code != 200:
            await response.aread()
            _refused(response, asked)
            return
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            events.append(line.removeprefix("data: "))
            if asked.first is None and '"content":"' in line:
                asked.first = time.perf_counter() - begun
            if leaves is not None and len(events) >= leaves:
                asked.end = "left"
                return
    _judge(events, body["max_tokens"], asked)


def _judge(events: list[str], tokens: int, asked: Asked) -> None:
    if len(events) > 1 and events[-1] == "[DONE]":
        usage = json.loads(events[-2]).get("usage")
        asked.end = "answered" if usage and usage["completion_tokens"] == tokens else "cut"
    else:
        asked.end = "cut"
    if asked.end == "cut":
        asked.words = events[-1] if events else "not a word"


def _refused(response: httpx2.Response, asked: Asked) -> None:
    """Clear is what has a reason, and says when to come again where that helps."""
    asked.words = response.text
    clear = response.status_code == 503 and "retry-after" in response.headers
    asked.end = "refused" if clear and response.json()["error"]["message"] else "failed"

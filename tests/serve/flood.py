"""Sends malformed requests over sockets: each is answered or let go, none with a fault of the server's."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.serve.malformed import Malformed, malformed

PATIENCE = 60.0  # seconds after which nothing more is awaited
QUIET = 0.05  # seconds without an answer after which no more of a half request comes


@dataclass(slots=True)
class Flood:
    """`answers` by their status; `faults`: what was sent, and what came of it; `slowest`: seconds until a refusal, or
    until a connection was given up; `slowest_answer` where a model did what it was asked."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[bytes, bytes]] = field(default_factory=list)
    slowest: float = 0.0
    slowest_answer: float = 0.0

    def take(self, sent: Malformed, answer: bytes, seconds: float) -> None:
        status = answer.split(b" ", 2)[1].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "none"
        self.answers[status] += 1
        if status.startswith("2"):
            self.slowest_answer = max(self.slowest_answer, seconds)
        else:
            self.slowest = max(self.slowest, seconds)
        is_fault = status.startswith("5") and b"\r\nretry-after: " not in answer.lower()
        if is_fault or (status == "none" and sent.is_whole):
            self.faults.append((sent.content, answer))


async def flood(port: int, count: int, seed: int, model: str, key: str = "", at_once: int = 8) -> Flood:
    """Send `count` of them to a server on loopback."""
    chance, seen = Random(seed), Flood()
    requests = (malformed(chance, model, key) for _ in range(count))
    await asyncio.gather(*(_sender(port, requests, seen) for _ in range(at_once)))
    return seen


async def _sender(port: int, requests: Iterator[Malformed], seen: Flood) -> None:
    for sent in requests:
        answer, seconds = await _send(port, sent)
        seen.take(sent, answer, seconds)


async def _send(port: int, sent: Malformed) -> tuple[bytes, float]:
    """What came back, and the seconds from when nothing more was to come from here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun, first = time.perf_counter(), b""
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(sent.content)
            if not sent.is_whole:
                first = await _first(reader)
                begun = time.perf_counter()
                writer.write_eof()
            return first + await reader.read(), time.perf_counter() - begun
    except ConnectionError:
        return first, time.perf_counter() - begun
    finally:
        writer.close()


async def _first(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(QUIET):
            return await reader.read(1 << 16)
    except TimeoutError:
        return b""

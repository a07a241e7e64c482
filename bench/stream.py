"""A client as light as can be, so that what is measured is the server: one request, and when each piece came."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask: a TCP `port` on this machine (the box), or a Unix `socket` with its `secret` (an engine alone)."""

    port: int = 0
    socket: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds to the first token; tokens and seconds after it; tokens of the prompt that were read."""

    first: float
    tokens: int
    rest: float
    prompt: int

    @property
    def decode(self) -> float:
        """Tokens a second, as a client sees them."""
        return (self.tokens - 1) / self.rest

    @property
    def prefill(self) -> float:
        """Tokens a second of prompt, with all that stands before the first token."""
        return self.prompt / self.first


async def ask(endpoint: Endpoint, body: dict[str, Any]) -> Answer:
    """Stream one chat completion."""
    content = json.dumps(body | {"stream": True, "stream_options": {"include_usage": True}}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {endpoint.secret}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    begun = time.perf_counter()
    if endpoint.port:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    else:
        reader, writer = await asyncio.open_unix_connection(endpoint.socket)
    writer.write(head.encode() + content)
    first = last = 0.0
    seen = b""
    while piece := await reader.read(1 << 20):
        now = time.perf_counter()
        seen += piece
        if b'"content":"' in piece:
            first, last = first or now, now
    writer.close()
    usage = _usage(seen)
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return Answer(first - begun, usage["completion_tokens"], last - first, usage["prompt_tokens"] - cached)


def _usage(seen: bytes) -> dict[str, Any]:
    line = next(line for line in seen.split(b"\n") if b'"usage":{' in line)
    usage: dict[str, Any] = json.loads(line.removeprefix(b"data: "))["usage"]
    return usage

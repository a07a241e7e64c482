"""Work ends with those who wait for it, on every route that tells an engine's answer in a shape of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.models.gguf_writer import shape_of
from tests.serve.house import make_house
from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Reply
from tinderbox.models.store import Store

ROUTES: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"input": "x", "dimensions": 1},
    "/v1/rerank": {"model": "embeds:1b", "query": "x", "documents": ["y"]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "x"}]},
    "/v1/responses/input_tokens": {"input": "x"},
    "/v1/responses": {"input": "x", "truncation": "auto"},
    "/api/embed": {"input": "x"},
    "/api/embeddings": {"prompt": "x"},
}


class Silent(Echo):
    """An engine that takes a question, says so, and never answers."""

    asked = asyncio.Event()
    left = asyncio.Event()

    async def reply(self, path: str, body: bytes) -> Reply:
        self.asked.set()
        return Reply(200, "application/json", self._nothing(), self.left.set)

    async def _nothing(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


@pytest.mark.parametrize("path", ROUTES)
def test_an_engine_is_let_go_when_its_asker_leaves(path: str, tmp_path: Path) -> None:
    house = make_house(tmp_path, engine=Silent)
    encoder = shape_of("bert", block_count=1, context_length=512, embedding_length=64, attention__head_count=4)
    Store(tmp_path).add_file(encoder.write(tmp_path / "embeds.gguf"), "embeds:1b")

    statuses = asyncio.run(leave(house, path, ROUTES[path]))

    assert statuses == [499]


async def leave(house: FastAPI, path: str, question: dict[str, Any]) -> list[int]:
    """Ask, wait until the engine has the question, go away, wait until it is let go; what was still sent."""
    Silent.asked, Silent.left = asyncio.Event(), asyncio.Event()
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "server": ("localhost", 80), "scheme": "http"}
    inbox.put_nowait({"type": "http.request", "body": json.dumps({"model": "echo:1b"} | question).encode()})
    async with asyncio.timeout(60):
        request = asyncio.create_task(house(scope, inbox.get, send))
        await Silent.asked.wait()
        inbox.put_nowait({"type": "http.disconnect"})
        await Silent.left.wait()
        await request
    return statuses

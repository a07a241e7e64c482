"""`Echo`: the in-memory twin of a real engine. It answers with the last message's words, one chunk a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from tinderbox.engines.engine import Reply, Settings
from tinderbox.errors import EngineFailed
from tinderbox.units import Bytes


class Echo:
    """An `Engine` without a model. The words `please crash` in a message end it in the middle of its answer."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.readers = 0
        self._ended = asyncio.Event()

    async def load(self) -> None:
        if "unloadable" in self.settings.name:
            self._ended.set()
            raise EngineFailed(f"{self.settings.name} could not be loaded: it says so in its name.")

    async def reply(self, path: str, body: bytes) -> Reply:
        if self._ended.is_set():
            raise EngineFailed(f"{self.settings.name}: the engine has ended.")
        request = json.loads(body)
        words = _last_words(request)
        self.readers += 1
        if path.endswith("embeddings"):
            return self._reply("application/json", self._one(_embedding(self.settings.name)))
        if request.get("stream"):
            return self._reply("text/event-stream", self._stream(words))
        answer = {"role": "assistant", "content": " ".join(words)}
        return self._reply("application/json", self._one(_completion(self.settings.name, message=answer)))

    def measured(self) -> Bytes | None:
        return None if self._ended.is_set() else 1_000_000

    async def wait_ended(self) -> None:
        await self._ended.wait()

    async def close(self) -> None:
        self._ended.set()

    def _reply(self, content_type: str, body: AsyncIterator[bytes]) -> Reply:
        return Reply(200, content_type, body, self._left)

    def _left(self) -> None:
        self.readers -= 1

    async def _one(self, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        yield json.dumps(answer).encode()

    async def _stream(self, words: list[str]) -> AsyncIterator[bytes]:
        for count, word in enumerate(words):
            if words[count : count + 2] == ["please", "crash"]:
                self._ended.set()
            if self._ended.is_set():
                raise EngineFailed("The engine's process ended in the middle of the answer.")
            chunk = _completion(self.settings.name, delta={"content": f"{word} "})
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
            await asyncio.sleep(0)
        yield b"data: [DONE]\n\n"


def _last_words(request: dict[str, Any]) -> list[str]:
    messages = request.get("messages") or [{"content": request.get("prompt") or ""}]
    return str(messages[-1]["content"]).split()


def _completion(model: str, **choice: object) -> dict[str, Any]:
    choices = [{"index": 0, "finish_reason": None if "delta" in choice else "stop", **choice}]
    return {"id": "chatcmpl-echo", "object": "chat.completion", "created": 0, "model": model, "choices": choices}


def _embedding(model: str) -> dict[str, Any]:
    return {"object": "list", "model": model, "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]}

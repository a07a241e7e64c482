"""`Echo`: the in-memory twin of a real engine. It answers with the last message's words, one chunk a word."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

from tinderbox.engines.engine import Pulse, Reply, Settings
from tinderbox.errors import EngineFailed
from tinderbox.units import Bytes


class Echo:
    """An `Engine` without a model. Words of the last message are orders: `please crash` ends it in the middle of its
    answer, `please think` has it think first, `please call NAME` has it call that tool with the words after it.

    A word is a token, and no word but those of the last message is ever new to its cache.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.readers = 0
        self.granted = settings.granted
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
            return self._reply("application/json", self._one(_embeddings(self.settings.name, request)))
        if path.endswith("input_tokens"):
            return self._reply("application/json", self._one({"input_tokens": _count(request)}))
        if request.get("stream"):
            return self._reply("text/event-stream", self._stream(words, request))
        answer = {"role": "assistant", "content": " ".join(words)}
        return self._reply("application/json", self._one(_completion(self.settings.name, message=answer)))

    def measured(self) -> Bytes | None:
        return None if self._ended.is_set() else 1_000_000

    def pulse(self) -> Pulse | None:
        return None

    async def prove(self, *, token: bool) -> bool:
        if self._ended.is_set():
            raise EngineFailed(f"{self.settings.name}: the engine has ended.")
        return token

    def fail(self, reason: EngineFailed) -> None:
        self._ended.set()

    def grant(self, size: Bytes) -> None:
        self.granted = size

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

    async def _stream(self, words: list[str], request: dict[str, Any]) -> AsyncIterator[bytes]:
        prompt = _count(request)
        if request.get("return_progress"):
            progress = {"total": prompt, "cache": prompt - len(words), "processed": prompt}
            yield self._event({"role": "assistant", "content": None}, prompt_progress=progress)
        for choice in range(request.get("n") or 1):
            async for event in self._choice(words, request, choice):
                yield event
        yield b"data: [DONE]\n\n"

    async def _choice(self, words: list[str], request: dict[str, Any], choice: int) -> AsyncIterator[bytes]:
        prompt, wanted = _count(request), request.get("max_tokens")
        limit = len(words) if wanted is None or wanted < 0 else wanted
        for count, delta in enumerate(_said(words)[:limit]):
            if words[count : count + 2] == ["please", "crash"]:
                self._ended.set()
            if self._ended.is_set():
                raise EngineFailed("The engine's process ended in the middle of the answer.")
            yield self._event(delta, choice)
            await asyncio.sleep(0)
        if request.get("stream_options"):
            yield self._event({}, choice, "length" if limit < len(words) else "stop")
            usage = {"prompt_tokens": prompt, "completion_tokens": min(limit, len(words))}
            yield self._event({}, usage=usage | {"prompt_tokens_details": {"cached_tokens": prompt - len(words)}})

    def _event(self, delta: dict[str, Any], index: int = 0, finish_reason: str | None = None, **more: object) -> bytes:
        chunk = _completion(self.settings.name, index=index, delta=delta, finish_reason=finish_reason) | more
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _said(words: list[str]) -> list[dict[str, Any]]:
    """What each word is answered with: itself, unless it is part of an order."""
    said: list[dict[str, Any]] = [{"content": f"{word} "} for word in words]
    for at, order in enumerate(pairwise(words)):
        if order == ("please", "think"):
            said[at : at + 2] = [{"reasoning_content": "I am "}, {"reasoning_content": "thinking."}]
        if order == ("please", "call"):
            name, *rest = words[at + 2 :]
            start = {"index": 0, "id": "call-1", "type": "function", "function": {"name": name, "arguments": ""}}
            pieces = ['{"words": "', *(f"{word} " for word in rest), '"}']
            calls = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
            said[at:] = [{"tool_calls": [call]} for call in [start, *calls]]
    return said


def _count(request: dict[str, Any]) -> int:
    return sum(len(str(message.get("content") or "").split()) for message in request.get("messages") or ())


def _last_words(request: dict[str, Any]) -> list[str]:
    prompt = request.get("prompt") or request.get("input_prefix") or ""
    messages = request.get("messages") or [{"content": prompt}]
    return str(messages[-1].get("content") or "").split()


def _completion(model: str, **choice: object) -> dict[str, Any]:
    choices = [{"index": 0, "finish_reason": "stop", **choice}]
    return {"id": "chatcmpl-echo", "object": "chat.completion", "created": 0, "model": model, "choices": choices}


def _embeddings(model: str, request: dict[str, Any]) -> dict[str, Any]:
    """A text's vector leans the more to the first axis the more of its letters come late in the alphabet."""
    given = request["input"]
    is_one = isinstance(given, str) or all(isinstance(token, int) for token in given)
    texts = [str(text) for text in ([given] if is_one else given)]
    data = [{"object": "embedding", "index": index, "embedding": _vector(text)} for index, text in enumerate(texts)]
    tokens = sum(len(text.split()) for text in texts)
    return {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _vector(text: str) -> list[float]:
    late = sum("n" <= letter <= "z" for letter in text.lower())
    early = sum("a" <= letter <= "m" for letter in text.lower())
    length = math.hypot(late, early) or 1.0
    return [late / length, early / length]

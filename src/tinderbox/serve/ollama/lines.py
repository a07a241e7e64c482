"""`Lines`: an answer as Ollama's clients read it, one JSON object a line, or one object for all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from tinderbox.errors import TinderboxError
from tinderbox.serve.delta import CallPiece, Delta, Deltas, Reader, Usage
from tinderbox.serve.ollama.requests import ChatRequest, GenerateRequest

Clock = Callable[[], int]  # nanoseconds


class Lines:
    """A Translation. A call of a tool is told when it is whole; durations are the engine's, in nanoseconds."""

    def __init__(
        self, request: ChatRequest | GenerateRequest, clock: Clock, reading: Callable[[], Reader] | None = None
    ) -> None:
        self._reading = reading
        self.streams = request.streams
        self.content_type = "application/x-ndjson" if self.streams else "application/json"
        self._request = request
        self._clock = clock
        self._begun = clock()
        self._first: int | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._call: tuple[CallPiece, list[str]] | None = None
        self._finish = "stop"
        self._usage = Usage(0, 0, 0)
        self._timings: dict[str, Any] = {}

    def deltas(self) -> Deltas:
        return Deltas(reading=self._reading)

    def tell(self, delta: Delta) -> bytes:
        self._note(delta)
        thinking = delta.thinking if self._request.shows_thinking else ""
        calls = self._whole_calls(delta)
        if self.streams:
            if not (delta.text or thinking or calls):
                return b""
            return _line(self._head() | self._words(delta.text, thinking, calls) | {"done": False})
        self._text.append(delta.text)
        self._thinking.append(thinking)
        self._calls += calls
        return b""

    def end(self) -> bytes:
        calls = self._calls + self._close_call()
        words = self._words("".join(self._text), "".join(self._thinking), calls)
        done = {"done": True, "done_reason": "length" if self._finish == "length" else "stop"}
        return _line(self._head() | words | done | self._figures())

    def _note(self, delta: Delta) -> None:
        if self._first is None:
            self._first = self._clock()
        self._finish = delta.finish or self._finish
        self._usage = delta.usage or self._usage
        self._timings = dict(delta.timings or self._timings)

    def _whole_calls(self, delta: Delta) -> list[dict[str, Any]]:
        whole = []
        for piece in delta.calls:
            if self._call is None or self._call[0].index != piece.index:
                whole += self._close_call()
                self._call = (piece, [])
            self._call[1].append(piece.arguments)
        return whole + (self._close_call() if delta.finish else [])

    def _close_call(self) -> list[dict[str, Any]]:
        if self._call is None:
            return []
        (first, pieces), self._call = self._call, None
        arguments = from_json("".join(pieces) or "{}", allow_partial=True)
        return [{"id": first.id, "function": {"index": first.index, "name": first.name, "arguments": arguments}}]

    def _head(self) -> dict[str, Any]:
        return {"model": self._request.model, "created_at": now()}

    def _words(self, text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
        more = {"thinking": thinking} if thinking else {}
        if isinstance(self._request, GenerateRequest):
            return {"response": text, **more}
        tools = {"tool_calls": calls} if calls else {}
        return {"message": {"role": "assistant", "content": text, **more, **tools}}

    def _figures(self) -> dict[str, int]:
        end = self._clock()
        first = self._first or end
        return {
            "total_duration": end - self._begun,
            "load_duration": first - self._begun,
            "prompt_eval_count": self._usage.prompt,
            "prompt_eval_duration": _nanoseconds(self._timings.get("prompt_ms", 0)),
            "eval_count": self._usage.generated,
            "eval_duration": _nanoseconds(self._timings.get("predicted_ms", 0)),
        }


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def error_line(error: TinderboxError) -> bytes:
    return _line({"error": str(error)})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * 1e6)

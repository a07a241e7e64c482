"""`Blocks`: an answer as Anthropic's clients hear it, event by event or as one whole message."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from tinderbox.serve.anthropic.requests import MessagesRequest
from tinderbox.serve.delta import CallPiece, Delta, Deltas, Reader, Usage

_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_SIGNATURE = "unsigned"  # clients give thinking back only with a signature; here nobody checks it
_STARTS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
Event = dict[str, Any]


@dataclass(slots=True)
class _Open:
    """The block that is being told; of a call, which one."""

    kind: str
    call: int | None = None


class Blocks:
    """A Translation: message_start, then blocks one after the other (each started, told, stopped), then message_delta
    and message_stop. A ping follows the start, and each further step of reading a long prompt."""

    content_type = "text/event-stream"

    def __init__(self, request: MessagesRequest, reading: Callable[[], Reader] | None = None) -> None:
        self._request = request
        self._reading = reading
        self.streams = bool(request.stream)
        if not self.streams:
            self.content_type = "application/json"
        self._id = f"msg_{secrets.token_hex(12)}"
        self._started = False
        self._open: _Open | None = None
        self._count = 0
        self._calls = 0
        self._usage = Usage(0, 0, 0)
        self._finish = "stop"
        self._stopped_by: str | None = None
        self._whole: list[tuple[dict[str, Any], list[str]]] = []

    def deltas(self) -> Deltas:
        return Deltas(self._request.stop_sequences or (), self._reading)

    def tell(self, delta: Delta) -> bytes:
        events = list(self._events(delta))
        return b"".join(map(_encoded, events)) if self.streams else b""

    def end(self) -> bytes:
        events = list(self._end())
        if self.streams:
            return b"".join(map(_encoded, events))
        message = self._message() | {"content": [_filled(*block) for block in self._whole], **self._stop()}
        return json.dumps(message, ensure_ascii=False).encode()

    def _events(self, delta: Delta) -> Iterator[Event]:
        self._usage = delta.usage or self._usage
        if not self._started:
            self._started = True
            yield {"type": "message_start", "message": self._message()}
            yield {"type": "ping"}
        elif not delta.speaks and not delta.finish and not self._open:
            yield {"type": "ping"}
        if delta.thinking and self._request.shows_thinking:
            yield from self._say("thinking", {"type": "thinking_delta", "thinking": delta.thinking}, delta.thinking)
        if delta.text:
            yield from self._say("text", {"type": "text_delta", "text": delta.text}, delta.text)
        for piece in delta.calls:
            yield from self._call(piece)
        self._finish = delta.finish or self._finish
        self._stopped_by = delta.stopped_by

    def _say(self, kind: str, said: Event, words: str) -> Iterator[Event]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(_Open(kind), dict(_STARTS[kind]))
        yield self._told(said, words)

    def _call(self, piece: CallPiece) -> Iterator[Event]:
        if self._open is None or self._open.call != piece.index:
            self._calls += 1
            name = {"id": piece.id or f"toolu_{secrets.token_hex(12)}", "name": piece.name}
            yield from self._begin(_Open("tool_use", piece.index), {"type": "tool_use", **name, "input": {}})
        if piece.arguments:
            yield self._told({"type": "input_json_delta", "partial_json": piece.arguments}, piece.arguments)

    def _begin(self, block: _Open, start: dict[str, Any]) -> Iterator[Event]:
        yield from self._close()
        self._open = block
        self._whole.append((start, []))
        yield {"type": "content_block_start", "index": self._count, "content_block": start}

    def _told(self, said: Event, words: str) -> Event:
        if not self.streams:
            self._whole[-1][1].append(words)
        return {"type": "content_block_delta", "index": self._count, "delta": said}

    def _close(self) -> Iterator[Event]:
        if self._open is None:
            return
        if self._open.kind == "thinking":
            signed = {"type": "signature_delta", "signature": _SIGNATURE}
            yield {"type": "content_block_delta", "index": self._count, "delta": signed}
        yield {"type": "content_block_stop", "index": self._count}
        self._open = None
        self._count += 1

    def _end(self) -> Iterator[Event]:
        """An answer without a word has one empty block: clients look for the first one."""
        if not self._started:
            yield {"type": "message_start", "message": self._message()}
        if self._open is None and not self._count:
            yield from self._begin(_Open("text"), dict(_STARTS["text"]))
        yield from self._close()
        stop = self._stop()
        usage = stop.pop("usage")
        yield {"type": "message_delta", "delta": stop, "usage": usage}
        yield {"type": "message_stop"}

    def _message(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._told_usage(),
        }

    def _stop(self) -> dict[str, Any]:
        reason = _REASONS.get(self._finish, "end_turn")
        if self._stopped_by is not None:
            reason = "stop_sequence"
        elif self._calls and reason == "end_turn":
            reason = "tool_use"
        elif reason == "max_tokens" and 0 < self._usage.generated < self._request.max_tokens:
            reason = "model_context_window_exceeded"
        return {"stop_reason": reason, "stop_sequence": self._stopped_by, "usage": self._told_usage()}

    def _told_usage(self) -> dict[str, int]:
        """Anthropic counts what came from the cache apart from the rest of the prompt."""
        usage = self._usage
        return {
            "input_tokens": usage.prompt - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": usage.generated,
        }


def _filled(start: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """A block with all that was said in it. Of arguments that were cut off, what came whole."""
    said = "".join(words)
    if start["type"] == "tool_use":
        return start | {"input": from_json(said or "{}", allow_partial=True)}
    if start["type"] == "thinking":
        return start | {"thinking": said, "signature": _SIGNATURE}
    return start | {"text": said}


def _encoded(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

"""`ResponseEvents`: an answer as the responses API tells it, event by event or as one whole response."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from tinderbox.errors import TinderboxError
from tinderbox.serve.delta import CallPiece, Delta, Deltas, Reader, Usage
from tinderbox.serve.response_request import ResponseRequest, new_id

Event = dict[str, Any]
Response = dict[str, Any]


class ResponseEvents:
    """A Translation: response.created and .in_progress, then item by item what is added, told and done, and
    response.completed, .incomplete or .failed. `keep` is called with the response before its client hears of the end.
    """

    def __init__(
        self,
        request: ResponseRequest,
        reading: Callable[[], Reader] | None = None,
        keep: Callable[[Response], None] = lambda _: None,
    ) -> None:
        self.streams = bool(request.stream)
        self.content_type = "text/event-stream" if self.streams else "application/json"
        self._reading = reading
        self._keep = keep
        self._response = _skeleton(request)
        self._open: dict[str, Any] | None = None
        self._call: int | None = None
        self._text: list[str] = []
        self._logprobs: list[Any] = []
        self._usage = Usage(0, 0, 0)
        self._thoughts = 0
        self._finish = "stop"
        self._number = 0

    def deltas(self) -> Deltas:
        return Deltas((), self._reading)

    def tell(self, delta: Delta) -> bytes:
        return self._encoded(self._events(delta))

    def end(self) -> bytes:
        events = self._encoded(self._end())
        self._keep(self._response)
        if not self.streams:
            return json.dumps(self._response, ensure_ascii=False).encode()
        kind = "response.incomplete" if self._response["incomplete_details"] else "response.completed"
        return events + self._encoded(iter([{"type": kind, "response": self._response}]))

    def failed(self, error: TinderboxError) -> bytes:
        """What ends a stream that broke."""
        self._response |= {"status": "failed", "error": {"code": "server_error", "message": str(error)}}
        return self._encoded(iter([{"type": "response.failed", "response": self._response}]))

    def _encoded(self, events: Iterator[Event]) -> bytes:
        """Numbered from the first to the last; none of them where the whole response is wanted."""
        told = []
        for event in events:
            told.append(f"event: {event['type']}\ndata: {json.dumps(self._numbered(event), ensure_ascii=False)}\n\n")
        return "".join(told).encode() if self.streams else b""

    def _numbered(self, event: Event) -> Event:
        self._number += 1
        return event | {"sequence_number": self._number - 1}

    def _events(self, delta: Delta) -> Iterator[Event]:
        if not self._number:
            yield {"type": "response.created", "response": self._response}
            yield {"type": "response.in_progress", "response": self._response}
        self._usage = delta.usage or self._usage
        self._finish = delta.finish or self._finish
        if delta.thinking:
            self._thoughts += 1
            yield from self._say("reasoning", delta.thinking)
        if delta.text:
            self._logprobs += (logprobs := (delta.logprobs or {}).get("content") or [])
            yield from self._say("message", delta.text, logprobs)
        for piece in delta.calls:
            yield from self._say_call(piece)

    def _say(self, kind: str, text: str, logprobs: list[Any] | None = None) -> Iterator[Event]:
        if self._open is None or self._open["type"] != kind:
            yield from self._begin(_ITEMS[kind])
            yield {"type": "response.content_part.added", **self._place(0), "part": _part(kind, "", [])}
        self._text.append(text)
        extra = {"logprobs": logprobs or []} if kind == "message" else {}
        yield {"type": f"response.{_WORDS[kind]}.delta", **self._place(0), "delta": text, **extra}

    def _say_call(self, piece: CallPiece) -> Iterator[Event]:
        if self._open is None or self._call != piece.index:
            call = {"type": "function_call", "call_id": piece.id, "name": piece.name, "arguments": ""}
            yield from self._begin(call)
            self._call = piece.index
        if piece.arguments:
            self._text.append(piece.arguments)
            yield {"type": "response.function_call_arguments.delta", **self._place(), "delta": piece.arguments}

    def _begin(self, item: dict[str, Any]) -> Iterator[Event]:
        yield from self._close("completed")
        self._open = {"id": new_id(_PREFIXES[item["type"]]), "status": "in_progress", **item}
        yield {"type": "response.output_item.added", "output_index": len(self._response["output"]), "item": self._open}

    def _place(self, content: int | None = None) -> dict[str, Any]:
        where = {"item_id": self._open["id"] if self._open else "", "output_index": len(self._response["output"])}
        return where if content is None else where | {"content_index": content}

    def _close(self, status: str) -> Iterator[Event]:
        item, text = self._open, "".join(self._text)
        if item is None:
            return
        kind = item["type"]
        if kind == "function_call":
            done = {"name": item["name"], "arguments": text}
            yield {"type": "response.function_call_arguments.done", **self._place(), **done}
            item = item | {"arguments": text}
        else:
            part = _part(kind, text, self._logprobs)
            extra = {"logprobs": self._logprobs} if kind == "message" else {}
            yield {"type": f"response.{_WORDS[kind]}.done", **self._place(0), "text": text, **extra}
            yield {"type": "response.content_part.done", **self._place(0), "part": part}
            item = item | {"content": [part]}
        item = item | {"status": status}
        yield {"type": "response.output_item.done", "output_index": len(self._response["output"]), "item": item}
        self._response = self._response | {"output": [*self._response["output"], item]}
        self._open, self._call, self._text, self._logprobs = None, None, [], []

    def _end(self) -> Iterator[Event]:
        cut = self._finish == "length"
        status = "incomplete" if cut else "completed"
        yield from self._close(status)
        self._response = self._response | {
            "status": status,
            "completed_at": None if cut else time.time(),
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "usage": {
                "input_tokens": self._usage.prompt,
                "input_tokens_details": {"cached_tokens": self._usage.cached, "cache_write_tokens": 0},
                "output_tokens": self._usage.generated,
                "output_tokens_details": {"reasoning_tokens": self._thoughts},
                "total_tokens": self._usage.prompt + self._usage.generated,
            },
        }


_ITEMS: dict[str, dict[str, Any]] = {
    "message": {"type": "message", "role": "assistant", "content": []},
    "reasoning": {"type": "reasoning", "summary": [], "content": []},
}
_WORDS = {"message": "output_text", "reasoning": "reasoning_text"}
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc"}


def _part(kind: str, text: str, logprobs: list[Any]) -> dict[str, Any]:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def _skeleton(request: ResponseRequest) -> Response:
    """The response before a word of it is there: what was asked, as its client is told of it."""
    form = (request.text.format if request.text else None) or {"type": "text"}
    thinking = request.reasoning
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": time.time(),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "model": request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": request.previous_response_id,
        "reasoning": {"effort": thinking.effort if thinking else None, "summary": None},
        "service_tier": "default",
        "store": request.store is not False,
        "temperature": request.temperature,
        "text": {"format": form},
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools,
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": request.truncation or "disabled",
        "usage": None,
        "user": request.user,
    }

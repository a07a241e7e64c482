"""`Delta`: one step of an answer, read once from the engine's stream and told by each API in words of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of the `index`-th tool call: the first one has `id` and `name`, all have part of the arguments' JSON."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens: `prompt` in all, `cached` of these not read again, `generated` so far."""

    prompt: int
    cached: int
    generated: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event added to the `choice`-th answer. `finish` is the engine's reason (`stop`, `length`, `tool_calls`);
    `stopped_by` the stop sequence that we found ourselves, after which nothing more is wanted; `timings` are
    llama.cpp's."""

    text: str = ""
    thinking: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str | None = None
    usage: Usage | None = None
    timings: Mapping[str, Any] | None = None
    stopped_by: str | None = None
    choice: int = 0
    logprobs: Mapping[str, Any] | None = None

    @property
    def speaks(self) -> bool:
        return bool(self.text or self.thinking or self.calls)


class Reader(Protocol):
    """Turns what the engine said into what it meant, for one choice of an answer."""

    def read(self, delta: Delta) -> Delta: ...


class Deltas:
    """Cuts a stream of server-sent events into Deltas, whatever pieces it comes in.

    With `stops`, an answer's text ends before the first of them; its tool calls and thinking are left alone. The engine
    could stop there by itself, but does not say at which. `reading` makes what reads the calls in an answer's text.
    """

    def __init__(self, stops: Sequence[str] = (), reading: Callable[[], Reader] | None = None) -> None:
        self._readers = defaultdict[int, Reader](reading) if reading else None
        self._rest = b""
        self._stops = tuple(stops)
        self._held = ""

    def read(self, piece: bytes) -> Iterator[Delta]:
        """Raises StreamFailed where the engine says so in the middle of its answer."""
        *events, self._rest = (self._rest + piece).split(b"\n\n")
        for event in events:
            data = event.removeprefix(b"data: ")
            if data == event or data == b"[DONE]":
                continue
            said = json.loads(data)
            if said is None:  # llama.cpp begins a stream of several texts so
                continue
            delta = _read(said)
            delta = self._until_stop(delta) if self._stops else delta
            yield self._readers[delta.choice].read(delta) if self._readers is not None else delta
            if delta.stopped_by is not None:
                return  # where pieces were joined, this one may go on after the stop sequence

    def _until_stop(self, delta: Delta) -> Delta:
        """Hold back what may be the start of a stop sequence until it is clear that it is none."""
        text = self._held + delta.text
        found = min(((at, stop) for stop in self._stops if (at := text.find(stop)) >= 0), default=None)
        if found is not None:
            return replace(delta, text=text[: found[0]], calls=(), finish="stop", stopped_by=found[1])
        kept = 0 if delta.finish or delta.calls else max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return replace(delta, text=text[: len(text) - kept])


class StreamFailed(Exception):
    """The engine's own error in the middle of a stream, as it came."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(str(event))
        self.event = event


def _overlap(text: str, stop: str) -> int:
    """How many of the last letters of `text` begin `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)


def _read(event: Mapping[str, Any]) -> Delta:
    if "error" in event:
        raise StreamFailed(event)
    if "stop" in event:
        return _read_plain(event)
    choice = next(iter(event.get("choices") or ()), None) or {}
    said = choice.get("delta") or {}
    return Delta(
        text=said.get("content") or choice.get("text") or "",
        thinking=said.get("reasoning_content") or "",
        calls=tuple(_read_call(call) for call in said.get("tool_calls") or ()),
        finish=choice.get("finish_reason"),
        usage=_read_usage(event),
        timings=event.get("timings"),
        choice=choice.get("index") or 0,
        logprobs=choice.get("logprobs"),
    )


def _read_plain(event: Mapping[str, Any]) -> Delta:
    """An event of llama.cpp's own, which is what it sends while it fills a gap in a text."""
    finish = ("length" if event.get("stop_type") == "limit" else "stop") if event["stop"] else None
    return Delta(event["content"], finish=finish, usage=_read_usage(event), timings=event.get("timings"))


def _read_call(call: Mapping[str, Any]) -> CallPiece:
    function = call.get("function") or {}
    return CallPiece(
        index=call.get("index") or 0,
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=function.get("arguments") or "",
    )


def _read_usage(event: Mapping[str, Any]) -> Usage | None:
    if usage := event.get("usage"):
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return Usage(usage["prompt_tokens"], cached, usage["completion_tokens"])
    if progress := event.get("prompt_progress"):
        return Usage(progress["total"], progress["cache"], 0)
    if timings := event.get("timings"):
        cached = timings["cache_n"]
        return Usage(cached + timings["prompt_n"], cached, timings["predicted_n"])
    return None

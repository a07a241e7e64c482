"""`Chunks`: an answer as OpenAI's clients hear it, where it is not the engine's own bytes that they can be sent."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tinderbox.serve.delta import CallPiece, Delta, Deltas, Reader, Usage


@dataclass(slots=True)
class _Said:
    """One choice so far."""

    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: dict[int, tuple[CallPiece, list[str]]] = field(default_factory=dict)
    logprobs: list[Any] = field(default_factory=list)
    finish: str = "stop"

    def hear(self, delta: Delta) -> None:
        self.text.append(delta.text)
        self.thinking.append(delta.thinking)
        self.logprobs += (delta.logprobs or {}).get("content") or []
        self.finish = delta.finish or self.finish
        for piece in delta.calls:
            self.calls.setdefault(piece.index, (piece, []))[1].append(piece.arguments)

    def text_choice(self, index: int) -> dict[str, Any]:
        logprobs = _text_logprobs(self.logprobs, 0) if self.logprobs else None
        return _text_choice(index, "".join(self.text), logprobs, self.finish)

    def choice(self, index: int) -> dict[str, Any]:
        text, thinking = "".join(self.text), "".join(self.thinking)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not self.calls else None}
        if thinking:
            message["reasoning_content"] = thinking
        if self.calls:
            message["tool_calls"] = [_call(piece, "".join(said)) for piece, said in self.calls.values()]
        logprobs = {"content": self.logprobs, "refusal": None} if self.logprobs else None
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": self.finish}


class Chunks:
    """A Translation into chat completions, or with `texts` into completions, whole or chunk by chunk. Usage counts all
    choices, and comes once."""

    def __init__(
        self, asked: Mapping[str, Any], reading: Callable[[], Reader] | None = None, *, texts: bool = False
    ) -> None:
        self._texts = texts
        self._each = asked.get("n") or 1  # choices for each prompt, which is counted once
        self.streams = bool(asked.get("stream"))
        self.content_type = "text/event-stream" if self.streams else "application/json"
        self.stops: tuple[str, ...] = ()
        self._reading = reading
        self._with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked["model"]}
        self._said: dict[int, _Said] = {}
        self._offsets: dict[int, int] = {}  # characters that each choice has said, where it streams
        self._usages: list[Usage] = []
        self._timings: Mapping[str, Any] | None = None

    def deltas(self) -> Deltas:
        return Deltas(self.stops, self._reading)

    def tell(self, delta: Delta) -> bytes:
        self._timings = delta.timings or self._timings
        if delta.usage and delta.usage.generated and not delta.speaks and (self._texts or not delta.finish):
            self._usages.append(delta.usage)  # of one choice, once it is whole
        if not self.streams:
            self._said.setdefault(delta.choice, _Said()).hear(delta)
            return b""
        return b"".join(map(_event, self._chunks(delta)))

    def end(self) -> bytes:
        timings = {"timings": self._timings} if self._timings else {}
        if not self.streams:
            said = sorted(self._said.items())
            choices = [one.text_choice(index) if self._texts else one.choice(index) for index, one in said]
            kind = "text_completion" if self._texts else "chat.completion"
            whole = self._head | {"object": kind, "choices": choices, "usage": self._usage()} | timings
            return json.dumps(whole, ensure_ascii=False).encode()
        last = [self._chunk([]) | {"usage": self._usage()} | timings] if self._with_usage else []
        return b"".join(map(_event, last)) + b"data: [DONE]\n\n"

    def _chunks(self, delta: Delta) -> Iterator[dict[str, Any]]:
        if not (delta.speaks or delta.finish):
            return
        if self._texts:
            yield self._chunk([self._text_chunk(delta)])
            return
        first = delta.choice not in self._said
        said: dict[str, Any] = {}
        if first:
            self._said[delta.choice] = _Said()
            said = {"role": "assistant", "content": None if delta.calls else ""}
        said |= {"content": delta.text} if delta.text else {}
        said |= {"reasoning_content": delta.thinking} if delta.thinking else {}
        said |= {"tool_calls": [_call_piece(piece) for piece in delta.calls]} if delta.calls else {}
        if said:
            yield self._chunk([self._choice(delta, said, None)])
        if delta.finish:
            yield self._chunk([self._choice(delta, {}, delta.finish)])

    def _text_chunk(self, delta: Delta) -> dict[str, Any]:
        told = (delta.logprobs or {}).get("content")
        at = self._offsets.get(delta.choice, 0)
        self._offsets[delta.choice] = at + len(delta.text)
        return _text_choice(delta.choice, delta.text, _text_logprobs(told, at) if told else None, delta.finish)

    def _choice(self, delta: Delta, said: dict[str, Any], finish: str | None) -> dict[str, Any]:
        return {"index": delta.choice, "delta": said, "logprobs": delta.logprobs, "finish_reason": finish}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        usage = {"usage": None} if self._with_usage else {}
        kind = "text_completion" if self._texts else "chat.completion.chunk"
        return self._head | {"object": kind, "choices": choices} | usage

    def _usage(self) -> dict[str, Any]:
        prompt = sum(usage.prompt for usage in self._usages) // self._each
        cached = sum(usage.cached for usage in self._usages) // self._each
        generated = sum(usage.generated for usage in self._usages)
        counts = {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}
        return counts | {"prompt_tokens_details": {"cached_tokens": cached}}


def _text_choice(index: int, text: str, logprobs: Mapping[str, Any] | None, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}


def _text_logprobs(told: Sequence[Mapping[str, Any]], offset: int) -> dict[str, Any]:
    """As completions have them, in lists side by side; the first token begins at the character `offset`."""
    tokens = [token["token"] for token in told]
    return {
        "tokens": tokens,
        "token_logprobs": [token["logprob"] for token in told],
        "top_logprobs": [{top["token"]: top["logprob"] for top in token["top_logprobs"]} for token in told],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)),
    }


def _call(piece: CallPiece, arguments: str) -> dict[str, Any]:
    return {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": arguments}}


def _call_piece(piece: CallPiece) -> dict[str, Any]:
    if not piece.id:
        return {"index": piece.index, "function": {"arguments": piece.arguments}}
    return {"index": piece.index, **_call(piece, piece.arguments)}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"

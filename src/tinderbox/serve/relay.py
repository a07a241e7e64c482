"""`Relay`: an engine's answer on its way to a client, its bytes untouched unless a Translation tells them in the words
of another API, or something goes wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tinderbox.engines.engine import Reply
from tinderbox.engines.pool import Pool
from tinderbox.errors import BadRequest, EngineFailed, PromptTooLong, TinderboxError, Unavailable
from tinderbox.learning import Timings
from tinderbox.serve.bodies import decoded
from tinderbox.serve.caller import Caller, caller_of
from tinderbox.serve.delta import Delta, Deltas, StreamFailed
from tinderbox.serve.presence import while_here
from tinderbox.serve.traces import note

TRIES = 2  # an engine that dies before its first word is asked once more, anew
MOURNING = 2.0  # seconds until the pool knows that an engine has ended
_LONGEST_TOKEN = 64  # bytes; no text is read in fewer tokens than that
_TOTAL = re.compile(rb'"total_tokens":\s*(\d{1,12})')
_TOO_LARGE = re.compile(r"input \((\d+) tokens\) is too large to process.*batch size: (\d+)")
_FIELD = re.compile(r"Field '([^']+)': ")
_ASKERS_FAULT = ("Failed to parse messages", "Failed to parse tools", "Unknown reasoning format")  # told as 500
Heard = Callable[[Timings], None]
_STREAM_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


class Translation(Protocol):
    """An engine's stream in the words of another API, told Delta by Delta; one answer's, never used twice.

    Where `streams` is false, `tell` returns nothing, and `end` the whole answer.
    """

    @property
    def streams(self) -> bool: ...
    @property
    def content_type(self) -> str: ...
    def deltas(self) -> Deltas: ...
    def tell(self, delta: Delta) -> bytes: ...
    def end(self) -> bytes: ...


class Relay(Response):
    """Ask `model` for `path` with `body` and send what it says. `as_event` makes the event that ends a broken stream;
    `heard` is told how fast each whole answer came; `texts` is how many the body holds, each for a context of its own;
    `unread` of its bytes are no part of the prompt (a grammar).
    With a `translation` the body must ask for a stream. `headers` go with an answer that is no error.

    A client that goes away ends the question, in whatever stage it is: waiting for a load, reading, or answering.
    """

    def __init__(
        self,
        pool: Pool,
        model: str,
        path: str,
        body: bytes,
        as_event: Callable[[TinderboxError], bytes],
        heard: Heard | None = None,
        texts: int = 1,
        unread: int = 0,
        translation: Translation | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._texts = texts
        self._unread = unread
        self._translation = translation
        self._with = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self._heard = heard
        self._pool = pool
        self._model = model
        self._path = path
        self._body = body
        self._as_event = as_event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _check_addresses(self._body)
        try:
            with suppress(ClientDisconnect):
                await while_here(receive, self._answer(send, caller_of(scope)))
        finally:
            if self.background is not None:
                await self.background()

    async def _answer(self, send: Send, caller: Caller | None) -> None:
        sent = _Sent(send, self._with)
        note(model=self._model)
        try:
            await self._ask(sent, caller.holder if caller else "")
        except TinderboxError as error:
            if not sent.started:
                raise
            note(error=error)
            await sent.end(b"\n\n" * sent.is_cut + self._as_event(error))
        finally:
            if caller is not None:
                caller.spend(sent.tokens(len(self._body), self._pool.context(self._model)))

    async def _ask(self, sent: _Sent, owner: str) -> None:
        for tries_left in reversed(range(TRIES)):
            async with self._pool.use(self._model, owner, embeds=is_embedding(self._path)) as engine:
                _check_length((len(self._body) - self._unread) // self._texts, self._pool.context(self._model))
                others, begun = self._pool.running() - 1, self._pool.begun
                try:
                    await self._pass_on(await engine.reply(self._path, self._body), sent)
                    self._tell(sent, alone=not others and begun == self._pool.begun)
                    return
                except EngineFailed:
                    if sent.spoke or not tries_left:
                        raise
            await self._pool.wait_gone(self._model, MOURNING)

    def _tell(self, sent: _Sent, *, alone: bool) -> None:
        if self._heard is not None and (timings := read_timings(self._model, sent.tail, alone=alone)) is not None:
            self._heard(sent.clocked(timings))

    async def _pass_on(self, reply: Reply, sent: _Sent) -> None:
        try:
            if not reply.content_type.startswith("text/event-stream"):
                whole = b"".join([piece async for piece in reply.body])
                if reply.status >= 400:
                    raise refusal_of(reply.status, whole)
                sent.hear(whole)
                await sent.whole(reply.content_type, whole, reply.status)
            elif self._translation:
                await _translate(reply, self._translation, sent)
            else:
                async for piece in reply.body:
                    sent.hear(piece)
                    await sent.piece(reply.content_type, piece)
                    sent.spoke, sent.is_cut = True, not piece.endswith(b"\n\n")
                await sent.end()
        finally:
            reply.close()


async def _translate(reply: Reply, translation: Translation, sent: _Sent) -> None:
    deltas = translation.deltas()
    async for piece in reply.body:
        sent.hear(piece)
        heard = _read(deltas, piece)
        sent.spoke = sent.spoke or any(delta.speaks for delta in heard)
        if words := b"".join([translation.tell(delta) for delta in heard]):
            await sent.piece(translation.content_type, words)
        if any(delta.stopped_by for delta in heard):
            break
    if translation.streams:
        await sent.piece(translation.content_type, translation.end())
        await sent.end()
    else:
        await sent.whole(translation.content_type, translation.end())


def _read(deltas: Deltas, piece: bytes) -> list[Delta]:
    try:
        return list(deltas.read(piece))
    except StreamFailed as failure:
        raise refusal_of(500, json.dumps(failure.event).encode()) from failure


class _Sent:
    """What the engine has said, and what the client has been sent of it."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self._heard = self._heard_before = b""
        self._pieces = 0
        self._begun = self._first = time.monotonic()
        self.started = False
        self.spoke = False  # a word of the answer was heard: from here on, nothing is asked anew
        self.is_cut = False  # the last event was left in the middle

    @property
    def tail(self) -> bytes:
        """The last two pieces: the timings come just before the end."""
        return self._heard_before + self._heard

    def hear(self, piece: bytes) -> None:
        if not self._pieces:
            self._first = time.monotonic()
        self._heard_before, self._heard = self._heard, piece
        self._pieces += 1

    def clocked(self, timings: Timings) -> Timings:
        """With the box's clock. The first token of an answer that came in one piece is as old as the others took."""
        took, first = time.monotonic() - self._begun, self._first - self._begun
        if self._pieces == 1 and timings.generated_per_second > 0:
            first = max(0.0, took - timings.generated / timings.generated_per_second)
        return replace(timings, first=first, took=took)

    def tokens(self, asked: int, context: int | None) -> int:
        """Read and written for this answer. Of one that was cut each piece counts, and each four of the `asked` bytes:
        no more than the context holds, since a picture has many bytes and few tokens."""
        guessed = self._pieces + (min(asked // 4, context) if context else asked // 4)
        return count_tokens(self.tail) or (guessed if self._pieces else 0)

    async def piece(self, content_type: str, piece: bytes) -> None:
        if not self.started:
            await self._start(200, content_type, _STREAM_HEADERS)
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def whole(self, content_type: str, body: bytes, status: int = 200) -> None:
        await self._start(status, content_type, [(b"content-length", str(len(body)).encode())])
        await self.end(body)

    async def end(self, body: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, content_type: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        headers = [(b"content-type", content_type.encode("latin-1")), *headers, *self._headers]
        start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        await self._send(start)


def is_embedding(path: str) -> bool:
    return path.endswith("embeddings")


def read_timings(model: str, tail: bytes, *, alone: bool) -> Timings | None:
    """llama.cpp's `timings` from the last bytes of an answer, streamed or whole; None where there are none."""
    at = tail.rfind(b'"timings":')
    if at < 0:
        return None
    try:
        said, _ = json.JSONDecoder().raw_decode(tail[at + len(b'"timings":') :].decode().lstrip())
        return Timings(
            model,
            read=int(said["prompt_n"]),
            read_per_second=float(said["prompt_per_second"]),
            cached=int(said.get("cache_n", 0)),
            generated=int(said["predicted_n"]),
            generated_per_second=float(said["predicted_per_second"]),
            alone=alone,
        )
    except (ValueError, KeyError, TypeError):
        return None


def count_tokens(tail: bytes) -> int | None:
    """What an answer took, by the engine's `usage` or `timings` in its last bytes; None where it says neither."""
    if totals := _TOTAL.findall(tail):
        return int(totals[-1])
    timings = read_timings("", tail, alone=False)
    return timings.read + timings.cached + timings.generated if timings else None


def _check_length(size: int, context: int | None) -> None:
    """Refuse what cannot fit before an engine spends minutes and gigabytes on finding out."""
    if context is not None and size > context * _LONGEST_TOKEN:
        raise PromptTooLong(
            f"The prompt has {size} bytes; the context holds {context} tokens, at most "
            f"{context * _LONGEST_TOKEN} bytes.",
            "Shorten it, or start the box with a larger --context.",
            field="messages",
        )


async def _check_addresses(body: bytes) -> None:
    """Refuse what would make the engine fetch an address: it knows no bounds on where."""
    if b"_url" in body or b"\\u" in body:  # an escaped letter may hide the word
        for message in (await decoded(body)).get("messages") or ():
            content = message.get("content")
            for part in content if isinstance(content, list) else ():
                _check_part(part)


def _check_part(part: dict[str, Any]) -> None:
    named = [value for key, value in part.items() if key.endswith("_url")]
    addresses = [value.get("url") if isinstance(value, dict) else value for value in named]
    if not all(isinstance(address, str) and address.startswith("data:") for address in addresses):
        raise BadRequest(
            "An image is sent within the message, not by its address.", "Send it as a data: URL.", field="messages"
        )


def refusal_of(status: int, body: bytes) -> TinderboxError:
    """The engine's complaint in our tree: what the client did wrong stays the client's to mend."""
    try:
        error: dict[str, Any] = json.loads(body)["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return EngineFailed(f"The engine answered with status {status}.")
    if error.get("type") == "exceed_context_size_error":
        prompt, context = error.get("n_prompt_tokens"), error.get("n_ctx")
        return PromptTooLong(
            f"The prompt has {prompt} tokens; the context holds {context}.",
            "Shorten it, or start the box with a larger --context.",
            field="messages",
        )
    if found := _TOO_LARGE.match(message):
        what = f"A text has {found[1]} tokens; this model reads at most {found[2]} into one vector."
        return PromptTooLong(what, "Cut it into shorter ones.", field="input", holds=int(found[2]))
    if status in {503, 429}:
        return Unavailable(message)
    if status < 500 or status == 501 or "not supported" in message or message.startswith(_ASKERS_FAULT):
        named = _FIELD.match(message)
        return BadRequest(message, field=named[1] if named else None)
    return EngineFailed(message)

"""`Relay`: an engine's answer on its way to a client, its bytes untouched unless something goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tinderbox.engines.engine import Reply
from tinderbox.engines.pool import Pool
from tinderbox.errors import BadRequest, EngineFailed, PromptTooLong, TinderboxError, Unavailable
from tinderbox.learning import Timings

_TRIES = 2  # an engine that dies before its first word is asked once more, anew
_MOURNING = 2.0  # seconds until the pool knows that an engine has ended
_LONGEST_TOKEN = 64  # bytes; no text is read in fewer tokens than that
Heard = Callable[[Timings], None]
_STREAM_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


class Relay(Response):
    """Ask `model` for `path` with `body` and send what it says. `as_event` makes the event that ends a broken stream;
    `heard` is told how fast each whole answer came; `texts` is how many the body holds, each for a context of its own.

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
    ) -> None:
        super().__init__()
        self._texts = texts
        self._heard = heard
        self._pool = pool
        self._model = model
        self._path = path
        self._body = body
        self._as_event = as_event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = asyncio.create_task(self._answer(send))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not answer.done():
                answer.cancel()
        try:
            await answer
        except asyncio.CancelledError:
            if not answer.cancelled():
                raise

    async def _answer(self, send: Send) -> None:
        sent = _Sent(send)
        for tries_left in reversed(range(_TRIES)):
            async with self._pool.use(self._model) as engine:
                _check_length(len(self._body) // self._texts, self._pool.context(self._model))
                others, begun = self._pool.running() - 1, self._pool.begun
                try:
                    await self._pass_on(await engine.reply(self._path, self._body), sent)
                    self._tell(sent.tail, alone=not others and begun == self._pool.begun)
                    return
                except EngineFailed as error:
                    if sent.started:
                        await sent.end(sent.cut_event() + self._as_event(error))
                        return
                    if not tries_left:
                        raise
            await self._pool.wait_gone(self._model, _MOURNING)

    def _tell(self, tail: bytes, *, alone: bool) -> None:
        if self._heard is not None and (timings := read_timings(self._model, tail, alone=alone)) is not None:
            self._heard(timings)

    async def _pass_on(self, reply: Reply, sent: _Sent) -> None:
        try:
            if reply.content_type.startswith("text/event-stream"):
                async for piece in reply.body:
                    await sent.piece(reply, piece)
                await sent.end()
                return
            whole = b"".join([piece async for piece in reply.body])
            if reply.status >= 400:
                raise _as_error(reply.status, whole)
            await sent.whole(reply, whole)
        finally:
            reply.close()


class _Sent:
    """What the client has been sent so far."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._last = self._before = b""
        self.started = False

    @property
    def tail(self) -> bytes:
        """The last two pieces: the timings come just before the end."""
        return self._before + self._last

    async def piece(self, reply: Reply, piece: bytes) -> None:
        if not self.started:
            await self._start(reply, _STREAM_HEADERS)
        self._before, self._last = self._last, piece
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    def cut_event(self) -> bytes:
        """What ends an event that the engine left in the middle; nothing where its last one came whole."""
        return b"" if self._last.endswith(b"\n\n") else b"\n\n"

    async def whole(self, reply: Reply, body: bytes) -> None:
        await self._start(reply, [(b"content-length", str(len(body)).encode())])
        self._last = body
        await self.end(body)

    async def end(self, body: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, reply: Reply, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        content_type = (b"content-type", reply.content_type.encode("latin-1"))
        start: Message = {"type": "http.response.start", "status": reply.status, "headers": [content_type, *headers]}
        await self._send(start)


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


def _check_length(size: int, context: int | None) -> None:
    """Refuse what cannot fit before an engine spends minutes and gigabytes on finding out."""
    if context is not None and size > context * _LONGEST_TOKEN:
        raise PromptTooLong(
            f"The prompt has {size} bytes; the context holds {context} tokens, at most "
            f"{context * _LONGEST_TOKEN} bytes.",
            "Shorten it, or start the box with a larger --context.",
            field="messages",
        )


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_error(status: int, body: bytes) -> TinderboxError:
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
    if status in {503, 429}:
        return Unavailable(message)
    if status < 500 or status == 501 or "not supported" in message:
        return BadRequest(message)
    return EngineFailed(message)

"""Ask an engine over its Unix socket: one question a connection, the answer's bytes handed on as they come.

Our own sixty lines around the `httptools` parser, because this is the hot path: at several hundred tokens a second each
token is a chunk, and a general HTTP client costs three times as much a chunk (`docs/why.md` has the figures).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httptools

from tinderbox.engines.engine import Reply
from tinderbox.errors import EngineFailed

_HIGH_WATER = 1 << 20  # bytes that may wait for a slow reader before the engine is asked to pause
Reason = Callable[[], EngineFailed | None]


async def ask(socket: str, secret: str, path: str, body: bytes | None, reason: Reason = lambda: None) -> Reply:
    """POST `body` (GET where it is None) and return when the answer's headers are there. `reason` knows why the engine
    was ended, if it was ended for one.

    Raises EngineFailed when nothing listens, or the connection ends before the headers; the body's iterator raises it
    when the connection ends before the answer does.
    """
    try:
        transport, exchange = await asyncio.get_running_loop().create_unix_connection(lambda: _Exchange(reason), socket)
    except OSError as error:
        raise EngineFailed(f"The engine does not answer on its socket ({error.strerror or error}).") from error
    method, content = ("GET", b"") if body is None else ("POST", body)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    transport.write(head.encode() + content)
    try:
        await exchange.headers
    except BaseException:
        transport.abort()
        raise
    return Reply(exchange.status, exchange.content_type, exchange.chunks(), transport.abort)


class _Exchange(asyncio.Protocol):
    """One question and its answer, fed by the event loop, read by `chunks`."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason
        self.headers: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.content_type = "application/json"
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: list[bytes] = []
        self._size = 0
        self._complete = False
        self._failure: EngineFailed | None = None
        self._more = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What has come since the last time, joined: a reader that falls behind gets fewer, larger pieces."""
        while True:
            await self._more.wait()
            self._more.clear()
            if self._waiting:
                piece = b"".join(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
                self._waiting.clear()
                self._size = 0
                if self._transport and not self._complete:
                    self._transport.resume_reading()
                yield piece
            if self._complete:
                return
            if self._failure:
                raise self._failure

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (a Unix stream is one)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(EngineFailed(f"The engine sent what is no HTTP: {error}."))
            return
        if self._size > _HIGH_WATER and self._transport:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._complete:
            self._fail(self._reason() or EngineFailed("The engine's process ended in the middle of the answer."))

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.content_type = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if not self.headers.done():
            self.headers.set_result(None)

    def on_body(self, body: bytes) -> None:
        self._waiting.append(body)
        self._size += len(body)
        self._more.set()

    def on_message_complete(self) -> None:
        self._complete = True
        self._more.set()
        if self._transport:
            self._transport.close()

    def _fail(self, why: EngineFailed) -> None:
        self._failure = why
        self._more.set()
        if not self.headers.done():
            self.headers.set_exception(why)

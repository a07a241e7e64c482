"""The server below the app: uvicorn, with TLS where it was asked for, and with bounds on what a connection may cost."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tinderbox.config import Config
from tinderbox.errors import WrongUsage

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_CONNECTIONS = 2000
LARGEST_HEAD = 64 * 1024  # bytes of a request's first line and headers
MOST_HEADERS = 128
_PATIENCE = 10.0  # seconds that a head may take, and what is left of a body that was refused
_LAST_WORDS = 7  # seconds beyond the drain: the box ends what still answers, and its askers are told
_IDLE = 15  # seconds that a connection may rest between two requests


class Server(uvicorn.Server):
    """Signals are the box's own: they set `stopping`, so that streams without an end can end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Connection(HttpToolsProtocol):
    """One connection: refused beyond so many, closed where its head is too large or too slow."""

    patience = _PATIENCE
    most = MOST_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head = 0  # bytes of the head that is under way
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.write(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\n\r\n")
            transport.close()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._in_head, self._head = False, 0
        if len(self.headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in self.headers) > LARGEST_HEAD:
            raise ValueError("too many headers")  # answered with 400 by the parser's caller
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self._in_head:  # refused in the middle of its body: the rest is thrown away, but not for ever
            self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.patience, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def raise_file_limit() -> None:
    """Room for as many connections as are let in: many systems give a process 1,024 open files unless it asks."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def make_server(app: ASGIApp, config: Config, connection: type[Connection] = Connection) -> Server:
    """Raises WrongUsage where the certificate and its key are not a pair that works."""
    settings = uvicorn.Config(
        app,
        http=connection,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=config.behind_proxy,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=round(config.drain) + _LAST_WORDS,
        ssl_certfile=config.cert,
        ssl_keyfile=config.cert_key,
    )
    try:
        settings.load()
    except (OSError, ssl.SSLError) as error:
        raise WrongUsage(
            f"{config.cert} and {config.cert_key or 'no key'} do not make a pair for TLS: {error}.",
            "Name the certificate with --cert and its private key, in PEM form and without a password, with --key.",
        ) from error
    return Server(settings)

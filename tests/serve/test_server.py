"""What a connection may cost, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tinderbox.config import Config
from tinderbox.serve.server import LARGEST_HEAD, MOST_HEADERS, Connection, make_server

HELLO = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer_hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def answer_length(scope: Scope, receive: Receive, send: Send) -> None:
    length = len(await Request(scope, receive).body())
    await PlainTextResponse(str(length))(scope, receive, send)


class Hasty(Connection):
    patience = 0.5


class Crowded(Connection):
    most = 1


@asynccontextmanager
async def serving(home: Path, app: ASGIApp = answer_hello, kind: type[Connection] = Connection) -> AsyncIterator[int]:
    """The port of a server that speaks to each client as `kind` does."""
    server = make_server(app, Config(home), kind)
    listener = socket.create_server(("127.0.0.1", 0))
    work = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await work


async def ask(port: int, *pieces: bytes) -> bytes:
    """What the server says to these bytes until it closes, or the first answer it gives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
    try:
        return await reader.read(1000)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.anyio
async def test_a_usual_request_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        assert (await ask(port, HELLO)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.anyio
async def test_a_head_without_end_is_cut(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        said = await ask(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * (LARGEST_HEAD + 1))

    assert said.startswith(b"HTTP/1.1 400 ")


@pytest.mark.anyio
async def test_too_many_headers_are_refused(tmp_path: Path) -> None:
    flood = b"".join(b"X-%d: x\r\n" % number for number in range(MOST_HEADERS + 1))
    async with serving(tmp_path) as port:
        said = await ask(port, HELLO[:-2] + flood + b"\r\n")

    assert said.startswith(b"HTTP/1.1 400 ")


@pytest.mark.anyio
async def test_a_body_may_be_larger_than_a_head(tmp_path: Path) -> None:
    body = b"x" * (4 * LARGEST_HEAD)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(tmp_path, answer_length) as port:
        said = await ask(port, head, body)

    assert said.endswith(b"%d" % len(body))


@pytest.mark.anyio
@pytest.mark.parametrize("begun", [b"", HELLO[:20]], ids=["nothing", "half a head"])
async def test_whoever_says_nothing_is_let_go(tmp_path: Path, begun: bytes) -> None:
    async with serving(tmp_path, kind=Hasty) as port:
        assert await asyncio.wait_for(ask(port, begun), 60) == b""


@pytest.mark.anyio
async def test_one_connection_too_many_is_told_to_come_again(tmp_path: Path) -> None:
    async with serving(tmp_path, kind=Crowded) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO)
        await reader.readuntil(b"hello")
        said = await ask(port)
        writer.close()

    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2" in said


@pytest.mark.anyio
async def test_a_body_that_nobody_reads_is_not_awaited_for_ever(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    async with serving(tmp_path, kind=Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        said = await asyncio.wait_for(reader.read(), 60)  # until the server closes
        writer.close()

    assert said.startswith(b"HTTP/1.1 200 ")

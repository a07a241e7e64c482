"""The wire to an engine: bytes as they come, and what is said when they stop coming."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tinderbox.engines.wire import ask
from tinderbox.errors import EngineFailed

pytestmark = pytest.mark.anyio
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def engine(folder: Path, answer: Answer) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
        writer.close()

    socket = str(folder / "s")
    async with await asyncio.start_unix_server(serve, socket):
        yield socket


async def two_chunks(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def cut_off(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")


async def nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"what?\r\n\r\n")


async def silence(writer: asyncio.StreamWriter) -> None:
    pass


async def megabytes(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n")
    writer.write(b"x" * 8_000_000)
    await writer.drain()


async def test_an_answer_comes_with_its_status_and_its_bytes(tmp_path: Path) -> None:
    async with engine(tmp_path, two_chunks) as socket:
        reply = await ask(socket, "secret", "/v1/completions", b"{}")

        assert (reply.status, reply.content_type) == (200, "text/event-stream")
        assert b"".join([piece async for piece in reply.body]) == b"onetwo"


async def test_a_long_answer_to_a_slow_reader_comes_whole(tmp_path: Path) -> None:
    async with engine(tmp_path, megabytes) as socket:
        reply = await ask(socket, "secret", "/", b"{}")
        await asyncio.sleep(0)

        assert sum([len(piece) async for piece in reply.body]) == 8_000_000


async def test_an_answer_that_breaks_off_is_an_error_after_what_came(tmp_path: Path) -> None:
    async with engine(tmp_path, cut_off) as socket:
        reply = await ask(socket, "secret", "/", b"{}")
        pieces = aiter(reply.body)

        assert await anext(pieces) == b"one"
        with pytest.raises(EngineFailed, match="ended in the middle"):
            await anext(pieces)


@pytest.mark.parametrize(("answer", "why"), [(nonsense, "no HTTP"), (silence, "ended in the middle")])
async def test_what_is_no_answer_is_an_error(tmp_path: Path, answer: Answer, why: str) -> None:
    async with engine(tmp_path, answer) as socket:
        with pytest.raises(EngineFailed, match=why):
            await ask(socket, "secret", "/", b"{}")


async def test_nobody_on_the_socket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="does not answer"):
        await ask(str(tmp_path / "nobody"), "secret", "/", None)

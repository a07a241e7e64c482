"""The real engine in its child process, with real weights."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tinderbox.engines.engine import Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.errors import EngineFailed

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
GREET = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4, "ignore_eos": True}
HELLO = json.dumps(GREET).encode()


def settings(path: Path) -> Settings:
    return Settings("starter", path, context=512, parallel=1, threads=1)


@asynccontextmanager
async def engine(path: Path, folder: Path) -> AsyncIterator[LlamaCpp]:
    engine = LlamaCpp(settings(path), folder, folder / "log")
    await engine.load()
    try:
        yield engine
    finally:
        await engine.close()


async def test_a_loaded_model_answers_and_says_what_it_holds(starter: Path, tmp_path: Path) -> None:
    async with engine(starter, tmp_path) as loaded:
        reply = await loaded.reply("/v1/chat/completions", HELLO)
        answer = json.loads(b"".join([piece async for piece in reply.body]))

        assert answer["usage"]["completion_tokens"] == 4
        assert (loaded.measured() or 0) > starter.stat().st_size


async def test_a_closed_engine_leaves_neither_process_nor_socket(starter: Path, tmp_path: Path) -> None:
    async with engine(starter, tmp_path) as loaded:
        pid = loaded.pid
    assert pid is not None

    assert not psutil.pid_exists(pid)
    assert [file.name for file in tmp_path.iterdir()] == ["log"]


async def test_an_engine_whose_log_has_no_room_answers_and_ends_all_the_same(starter: Path, tmp_path: Path) -> None:
    loaded = LlamaCpp(settings(starter), tmp_path, Path("/dev/full"))
    await loaded.load()

    reply = await loaded.reply("/v1/chat/completions", HELLO)
    answer = json.loads(b"".join([piece async for piece in reply.body]))
    pid = loaded.pid
    await loaded.close()

    assert answer["usage"]["completion_tokens"] == 4
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_an_engine_that_is_killed_is_known_to_have_ended(starter: Path, tmp_path: Path) -> None:
    async with engine(starter, tmp_path) as loaded:
        assert loaded.pid is not None
        os.kill(loaded.pid, signal.SIGKILL)

        await loaded.wait_ended()

        assert loaded.measured() is None
        with pytest.raises(EngineFailed, match="starter"):
            await loaded.reply("/v1/chat/completions", HELLO)


async def test_what_cannot_be_loaded_is_explained_and_leaves_no_process(tmp_path: Path) -> None:
    wanted = replace(settings(tmp_path / "missing.gguf"), name="lost")
    lost = LlamaCpp(wanted, tmp_path, tmp_path / "log")

    with pytest.raises(EngineFailed, match="lost could not be loaded"):
        await lost.load()

    assert lost.pid is None or not psutil.pid_exists(lost.pid)

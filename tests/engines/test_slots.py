"""Conversations that leave the memory with their model and come back, with the real engine."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tinderbox.engines.caches import Caches
from tinderbox.engines.engine import Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.engines.slots import worth_saving
from tinderbox.units import MB

pytestmark = pytest.mark.anyio
STORY = {"role": "user", "content": "Remember: " + ", ".join(f"box {n} holds {n * 7} coins" for n in range(30))}
NEXT = {"role": "user", "content": "Which box holds 21 coins?"}


@asynccontextmanager
async def engine(path: Path, folder: Path, caches: Caches) -> AsyncIterator[LlamaCpp]:
    settings = Settings("starter", path, context=1024, parallel=2, threads=2, content="c" * 64)
    engine = LlamaCpp(settings, folder, folder / "log", caches=caches)
    await engine.load()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "caches", limit=500 * MB)


async def ask(engine: LlamaCpp, *messages: dict[str, str]) -> tuple[dict[str, str], int]:
    """The answer, and how many tokens of the prompt were not read again."""
    body = {"messages": messages, "max_tokens": 12, "temperature": 0}
    reply = await engine.reply("/v1/chat/completions", json.dumps(body).encode())
    said: dict[str, Any] = json.loads(b"".join([piece async for piece in reply.body]))
    return said["choices"][0]["message"], said["timings"]["cache_n"]


@pytest.mark.slow
async def test_a_conversation_goes_on_as_if_its_model_had_never_left(
    starter: Path, tmp_path: Path, caches: Caches
) -> None:
    async with engine(starter, tmp_path, caches) as uninterrupted:
        first, _ = await ask(uninterrupted, STORY)
        expected = await ask(uninterrupted, STORY, first, NEXT)
    caches.forget_all_but(())
    async with engine(starter, tmp_path, caches) as before:
        await ask(before, STORY)

    async with engine(starter, tmp_path, caches) as after:
        answer, cached = await ask(after, STORY, first, NEXT)

    assert (answer, cached) == expected
    assert cached > 300


@pytest.mark.slow
async def test_a_conversation_that_went_on_is_saved_once(starter: Path, tmp_path: Path, caches: Caches) -> None:
    async with engine(starter, tmp_path, caches) as before:
        first, _ = await ask(before, STORY)
    async with engine(starter, tmp_path, caches) as between:
        await ask(between, STORY, first, NEXT)
    async with engine(starter, tmp_path, caches):
        pass  # restored, and not used

    assert len(caches.held()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 100_000])
async def test_a_save_that_is_cut_short_is_read_again_instead(
    starter: Path, tmp_path: Path, caches: Caches, length: int
) -> None:
    async with engine(starter, tmp_path, caches) as before:
        await ask(before, STORY)
    os.truncate(next(caches.folder.rglob("*.kv")), length)

    async with engine(starter, tmp_path, caches) as after:
        _, cached = await ask(after, STORY)

    assert cached == 0


@pytest.mark.slow
async def test_a_save_that_ends_the_engine_does_not_keep_the_model_from_loading(
    starter: Path, tmp_path: Path, caches: Caches
) -> None:
    """Its sum is right and its cache is cut: what an engine wrote wrongly."""
    async with engine(starter, tmp_path, caches) as before:
        await ask(before, STORY)
        shelf = before.shelf
    assert shelf
    (save,), part = shelf.saves(), shelf.begin()
    assert part
    part.write_bytes(save.read_bytes()[:100_000])
    save.unlink()
    shelf.keep(part)

    async with engine(starter, tmp_path, caches) as after:
        _, cached = await ask(after, STORY)

    assert (cached, shelf.saves()[1:]) == (0, [])


@pytest.mark.slow
async def test_a_child_that_hangs_is_ended_without_a_save(starter: Path, tmp_path: Path, caches: Caches) -> None:
    async with engine(starter, tmp_path, caches) as hanging:
        await ask(hanging, STORY)
        assert hanging.pid
        os.kill(hanging.pid, signal.SIGSTOP)

    assert caches.held() == []
    assert [path for path in caches.folder.rglob("*") if path.is_file()] == []


@pytest.mark.slow
async def test_a_full_disk_loses_the_save_alone(starter: Path, tmp_path: Path) -> None:
    full = Caches(tmp_path / "caches", limit=500 * MB, reserve=2**62)
    async with engine(starter, tmp_path, full) as before:
        await ask(before, STORY)

    async with engine(starter, tmp_path, full) as after:
        _, cached = await ask(after, STORY)

    assert (cached, full.held()) == (0, [])


def test_the_last_used_is_saved_first_and_what_is_short_unused_or_busy_is_not() -> None:
    slots = [
        {"id": 0, "is_processing": False, "id_task": 4, "n_prompt_tokens": 500},
        {"id": 1, "is_processing": False, "id_task": 9, "n_prompt_tokens": 64},
        {"id": 2, "is_processing": False, "id_task": 8, "n_prompt_tokens": 63},
        {"id": 3, "is_processing": True, "id_task": 7, "n_prompt_tokens": 900},
        {"id": 4, "is_processing": False},
    ]

    assert [slot["id"] for slot in worth_saving(slots)] == [1, 0]

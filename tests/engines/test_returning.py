"""A conversation that was saved goes on as it would have, whatever its model keeps of what it read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engines.toys import write_gemma2, write_mamba
from tinderbox.engines.caches import Caches
from tinderbox.engines.engine import Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.units import MB

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SAID = [(number * 7) % 250 + 3 for number in range(300)]  # tokens, three times the window


@asynccontextmanager
async def engine(model: Path, folder: Path, caches: Caches | None) -> AsyncIterator[LlamaCpp]:
    settings = Settings("toy", model, context=1024, parallel=1, threads=1, content="toy")
    engine = LlamaCpp(settings, folder, folder / "log", caches=caches)
    await engine.load()
    try:
        yield engine
    finally:
        await engine.close()


async def go_on(engine: LlamaCpp, tokens: list[int]) -> tuple[list[int], int]:
    """The likeliest next tokens, and how many of those before were not read again."""
    asked = {"prompt": tokens, "n_predict": 16, "temperature": 0, "ignore_eos": True, "return_tokens": True}
    reply = await engine.reply("/completion", json.dumps(asked).encode())
    answer: dict[str, Any] = json.loads(b"".join([piece async for piece in reply.body]))
    return answer["tokens"], answer["timings"]["cache_n"]


async def check_return(model: Path, folder: Path) -> None:
    caches = Caches(folder / "caches", 100 * MB, reserve=0)
    async with engine(model, folder, caches) as before:
        said, _ = await go_on(before, SAID)
    longer = [*SAID, *said, 5, 9]
    async with engine(model, folder, None) as fresh:
        expected, read_before = await go_on(fresh, longer)

    async with engine(model, folder, caches) as returned:
        tokens, kept = await go_on(returned, longer)

    assert (tokens, read_before) == (expected, 0)
    assert len(set(expected)) > 8  # a model that said the same whatever it read would prove nothing
    assert kept > 250


async def test_a_model_with_a_sliding_window_goes_on(tmp_path: Path) -> None:
    await check_return(write_gemma2(tmp_path / "gemma2.gguf", window=96), tmp_path)


async def test_a_recurrent_model_goes_on(tmp_path: Path) -> None:
    await check_return(write_mamba(tmp_path / "mamba.gguf"), tmp_path)

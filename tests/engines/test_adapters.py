"""Adapters on one base: each answers as itself, whatever its slots have cached, beside or after the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.models.adapters import write_lora
from tinderbox.engines.adapters import Adapted, adapted, number_of
from tinderbox.engines.caches import Caches
from tinderbox.engines.engine import Adapter, Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.models.gguf import read_card
from tinderbox.units import MB

STORY = "Remember: " + ", ".join(f"box {n} holds {n * 7} coins" for n in range(30))
Said = tuple[str, int]  # an answer, and how many tokens of its prompt were cached


def test_a_question_names_its_adapter_behind_what_was_asked() -> None:
    assert json.loads(adapted(b'{"n": 1, "lora": 7}\n', 2)) == {"n": 1, "lora": [{"id": 2, "scale": 1.0}]}
    assert json.loads(adapted(b'{"n": 1}', None)) == {"n": 1, "lora": [{"id": 0, "scale": 0.0}]}


def test_a_slot_tells_with_which_adapter_it_was_read() -> None:
    assert number_of({"params": {"lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]}}) == 1
    assert number_of({"params": {"lora": [{"id": 0, "scale": 0.0}]}}) is None
    assert number_of({}) is None


@pytest.fixture(scope="module")
def adapters(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Adapter, ...]:
    """Two random ones that change each answer a great deal, and whose likeliest tokens lead by far: no word hangs on
    the order in which a processor adds up."""
    folder = tmp_path_factory.mktemp("adapters")
    queries = {t.name: (t.shape[0], t.shape[1]) for t in read_card(starter).tensors if "attn_q" in t.name}
    seeds = {"a": "right", "b": "b"}
    files = {
        name: write_lora(folder / f"{name}.gguf", queries, seed=seed, strength=0.3) for name, seed in seeds.items()
    }
    return tuple(Adapter(name, file, name * 64, file.stat().st_size) for name, file in files.items())


@asynccontextmanager
async def engine(
    starter: Path, folder: Path, adapters: tuple[Adapter, ...], caches: Caches | None = None
) -> AsyncIterator[LlamaCpp]:
    settings = Settings("starter", starter, 1024, parallel=2, threads=2, content="c" * 64, adapters=adapters)
    engine = LlamaCpp(settings, folder, folder / "log", caches=caches)
    await engine.load()
    try:
        yield engine
    finally:
        await engine.close()


async def ask(engine: LlamaCpp, number: int | None, text: str = STORY) -> Said:
    body = {"prompt": text, "n_predict": 8, "temperature": 0, "ignore_eos": True}
    reply = await Adapted(engine, number).reply("/completion", json.dumps(body).encode())
    said: dict[str, Any] = json.loads(b"".join([piece async for piece in reply.body]))
    return said["content"], said["timings"]["cache_n"]


@pytest.mark.slow
@pytest.mark.anyio
async def test_two_adapters_and_their_base_do_not_mix(
    starter: Path, tmp_path: Path, adapters: tuple[Adapter, ...]
) -> None:
    async with engine(starter, tmp_path, ()) as plain:
        base = await ask(plain, None)

    async with engine(starter, tmp_path, adapters) as loaded:
        alone = [await ask(loaded, number) for number in (0, 1, None)]
        after = [await ask(loaded, number) for number in (None, 1, 0)]
        beside = await asyncio.gather(ask(loaded, 0), ask(loaded, 1))
        *_, again = [await ask(loaded, 1) for _ in "ab"]  # which slot had which of the two is chance

    words = [text for text, _ in alone]
    assert words[2] == base[0]
    assert len(set(words)) == 3
    assert [text for text, _ in after] == [words[2], words[1], words[0]]
    assert [text for text, _ in beside] == words[:2]
    assert (again[0], again[1] > 300) == (words[1], True)


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_saved_conversation_goes_back_to_the_adapter_that_read_it(
    starter: Path, tmp_path: Path, adapters: tuple[Adapter, ...]
) -> None:
    caches = Caches(tmp_path / "caches", limit=500 * MB, reserve=0)
    async with engine(starter, tmp_path, adapters, caches) as before:
        first = await ask(before, 0)
    async with engine(starter, tmp_path, (adapters[1], adapters[0]), caches) as after:
        same = await ask(after, 1)
        base = await ask(after, None)
    async with engine(starter, tmp_path, (), None) as plain:
        expected = await ask(plain, None)

    assert base == expected
    assert (same[0], same[1] > 300) == (first[0], True)
    assert caches.forget_all_but({"c" * 64, "b" * 64}) > 0
    assert len(caches.held()) == 1


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_proof_of_life_leaves_the_cache_of_an_adapter(
    starter: Path, tmp_path: Path, adapters: tuple[Adapter, ...]
) -> None:
    async with engine(starter, tmp_path, adapters) as loaded:
        first, _ = await ask(loaded, 1)

        proved = await loaded.prove(token=True)

        again, cached = await ask(loaded, 1)
    assert (proved, again, cached > 300) == (True, first, True)

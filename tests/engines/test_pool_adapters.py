"""Adapters come and go with the base that they are served on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Adapter, Reply, Settings
from tinderbox.engines.pool import Order, Pool
from tinderbox.errors import BadRequest, NotFound
from tinderbox.memory import Governor, Ledger, Reading
from tinderbox.units import GB

pytestmark = pytest.mark.anyio


class Listening(Echo):
    """An echo that remembers which adapters it was asked as."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.heard: list[object] = []

    async def reply(self, path: str, body: bytes) -> Reply:
        self.heard.append(json.loads(body).get("lora"))
        return await super().reply(path, body)


class House:
    """A pool of one base; its adapters are those of a store that anybody may add to."""

    def __init__(self, *adapters: str) -> None:
        self.stored = list(adapters)
        self.started: list[Listening] = []
        self.governor = Governor(Ledger(8 * GB), lambda: Reading(8 * GB, 8 * GB))
        self.pool = Pool(self._order, self._start, self.governor)

    def _order(self, name: str) -> Order:
        _base, _, own = name.partition("+")
        if own and own not in self.stored:
            raise NotFound(f"There is no model '{name}'.")
        adapters = tuple(Adapter(f"base+{one}", Path(f"{one}.gguf"), one, 1) for one in self.stored)
        settings = Settings("base", Path("base.gguf"), context=2048, parallel=2, threads=1, adapters=adapters)
        return Order(settings, GB, adapter=f"base+{own}" if own else None)

    def _start(self, settings: Settings) -> Listening:
        self.started.append(Listening(settings))
        return self.started[-1]

    async def ask(self, name: str) -> None:
        async with self.pool.use(name) as engine:
            (await engine.reply("/v1/completions", b'{"prompt": "a"}')).close()


async def test_each_is_asked_for_as_itself_on_one_engine() -> None:
    house = House("a", "b")

    await house.ask("base+b")
    await house.ask("base")
    await house.ask("base+a")

    (engine,) = house.started
    assert engine.heard == [
        [{"id": 1, "scale": 1.0}],
        [{"id": 0, "scale": 0.0}],
        [{"id": 0, "scale": 1.0}],
    ]
    assert house.pool.context("base+a") == 2048


async def test_without_adapters_a_question_is_left_as_it_is() -> None:
    house = House()

    await house.ask("base")

    assert house.started[0].heard == [None]


async def test_an_adapter_that_comes_after_the_load_waits_for_the_answers_and_a_new_load() -> None:
    house = House("a")
    async with house.pool.use("base+a"):
        house.stored.append("b")
        asker = asyncio.create_task(house.ask("base+b"))
        await asyncio.sleep(0)
        during = len(house.started), asker.done()

    await asker

    assert during == (1, False)
    assert [len(engine.settings.adapters) for engine in house.started] == [1, 2]


async def test_a_pin_outlasts_the_load_for_an_adapter() -> None:
    house = House("a")
    await house.pool.load("base", pinned=True)
    house.stored.append("b")

    await house.ask("base+b")

    assert [lease.pinned for lease in house.pool.leases()] == [True]


async def test_an_adapter_that_was_removed_is_not_found_though_its_base_is_loaded() -> None:
    house = House("a")
    await house.ask("base+a")
    house.stored.remove("a")

    house.pool.forget_adapter("base+a")

    with pytest.raises(NotFound):
        await house.ask("base+a")
    assert len(house.started) == 1


async def test_an_adapter_embeds_nothing() -> None:
    house = House("a")

    with pytest.raises(BadRequest, match="Ask base"):
        async with house.pool.use("base+a", embeds=True):
            pass

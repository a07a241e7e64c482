"""How models come and go."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Settings
from tinderbox.engines.pool import Order, Pool
from tinderbox.errors import DoesNotFit, EngineFailed, NotFound, Unavailable
from tinderbox.memory import Governor, Ledger, Reading
from tinderbox.units import GB

pytestmark = pytest.mark.anyio


class Slow(Echo):
    """An echo that loads when it is told to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.let_load = asyncio.Event()

    async def load(self) -> None:
        await self.let_load.wait()
        await super().load()


class House:
    """A pool of echoes on 8 GB, of which each model takes 3; it knows every engine that it started."""

    def __init__(self, kind: Callable[[Settings], Echo] = Echo) -> None:
        self.kind = kind
        self.started: list[Echo] = []
        self.now = 0.0
        self.governor = Governor(Ledger(8 * GB), lambda: Reading(8 * GB, 8 * GB), clock=lambda: self.now)
        self.pool = Pool(self._order, self._start, self.governor, clock=lambda: self.now)

    def _order(self, name: str) -> Order:
        if name == "unknown":
            raise NotFound("There is no model called 'unknown'.")
        size = 90 * GB if name == "huge" else 3 * GB
        return Order(Settings(name, Path(f"{name}.gguf"), context=2048, parallel=2, threads=1), size, embedding=3 * GB)

    def _start(self, settings: Settings) -> Echo:
        self.started.append(self.kind(settings))
        return self.started[-1]


async def test_two_askers_of_one_model_share_one_load() -> None:
    house = House()

    await asyncio.gather(house.pool.load("a"), house.pool.load("a"))

    assert len(house.started) == 1


async def test_a_model_is_busy_while_it_is_used() -> None:
    house = House()

    async with house.pool.use("a"):
        during = house.pool.leases()[0].busy

    assert (during, house.pool.leases()[0].busy) == (True, False)


async def test_a_model_that_can_never_fit_is_refused_before_it_starts() -> None:
    house = House()

    with pytest.raises(DoesNotFit, match=r"huge needs 90.0 GB; the box can grant 8.0 GB. A smaller context"):
        await house.pool.load("huge")

    assert house.started == []


async def test_an_idle_model_leaves_for_one_that_is_wanted() -> None:
    house = House()
    await house.pool.load("a")
    house.now = 10
    await house.pool.load("b")

    await house.pool.load("c")

    assert names(house) == ["b", "c"]


async def test_a_busy_model_is_waited_for() -> None:
    house = House()
    await house.pool.load("b", pinned=True)
    async with house.pool.use("a"):
        asker = asyncio.create_task(house.pool.load("c"))
        await turns()
        during = names(house)

    await asker

    assert (during, names(house)) == (["b", "a"], ["b", "c"])


async def test_who_waits_too_long_is_told_what_stood_in_the_way() -> None:
    house = House()
    async with house.pool.use("a"), house.pool.use("b"):
        asker = asyncio.create_task(house.pool.load("c"))
        await turns()
        house.now = 61
        house.governor.tick()

        with pytest.raises(Unavailable, match=r"c waited 1 min 1 s for 3.0 GB: 2.0 GB of 8.0 GB is free; at work: a"):
            await asker


async def test_the_last_who_goes_away_leaves_the_line() -> None:
    house = House()
    async with house.pool.use("a"), house.pool.use("b"):
        asker = asyncio.create_task(house.pool.load("c"))
        await turns()
        asker.cancel()
        await asyncio.gather(asker, return_exceptions=True)
        await turns()

    assert (house.governor.ledger.wishes, names(house)) == ((), ["a", "b"])


async def test_two_who_ask_for_the_last_room_are_both_served() -> None:
    house = House()
    await house.pool.load("a", pinned=True)

    async def ask(name: str) -> str:
        async with house.pool.use(name) as engine:
            assert isinstance(engine, Echo)
            return engine.settings.name

    assert tuple(await asyncio.gather(ask("b"), ask("c"), ask("d"))) == ("b", "c", "d")


async def test_a_pinned_model_stays() -> None:
    house = House()
    await house.pool.load("a", pinned=True)
    await house.pool.load("b")

    await house.pool.load("c")
    pinned = names(house)
    await house.pool.load("a", pinned=False)
    house.now = 5
    await asyncio.gather(house.pool.load("c"), house.pool.load("b"))

    assert (pinned, sorted(names(house))) == (["a", "c"], ["b", "c"])


async def test_a_model_is_granted_what_embedding_takes_before_it_embeds() -> None:
    house = House()

    async with house.pool.use("a", embeds=True) as engine:
        during = house.governor.ledger.granted
        assert isinstance(engine, Echo)

    assert (during, engine.granted) == (6 * GB, 6 * GB)


async def test_an_idle_model_leaves_for_what_embedding_takes() -> None:
    house = House()
    await asyncio.gather(house.pool.load("b"), house.pool.load("a"))

    async with house.pool.use("a", embeds=True):
        assert names(house) == ["a"]


async def test_an_engine_that_cannot_be_made_leaves_its_room_behind() -> None:
    def broken(settings: Settings) -> Echo:
        raise OSError("no more files")

    house = House(broken)

    with pytest.raises(OSError, match="no more files"):
        await house.pool.load("a")

    assert house.pool.leases() == []


async def test_a_model_that_cannot_load_leaves_its_room_behind() -> None:
    house = House()

    with pytest.raises(EngineFailed, match="it says so in its name"):
        await house.pool.load("unloadable")

    assert house.pool.leases() == []


async def test_an_asker_who_goes_away_does_not_end_the_load() -> None:
    house = House(Slow)
    asker = asyncio.create_task(house.pool.load("a"))
    await turns()

    asker.cancel()
    await asyncio.gather(asker, return_exceptions=True)
    slow = house.started[0]
    assert isinstance(slow, Slow)
    slow.let_load.set()

    assert (await house.pool.load("a")).state == "ready"
    assert len(house.started) == 1


async def test_a_stopped_model_ends_its_answer_first() -> None:
    house = House()
    async with house.pool.use("a"):
        stopping = asyncio.create_task(house.pool.stop("a", patience=60))
        await asyncio.sleep(0)
        during = house.pool.leases()[0].state
    await stopping

    assert (during, house.pool.leases()) == ("leaving", [])


async def test_a_model_asked_for_while_it_leaves_is_loaded_anew() -> None:
    house = House()
    async with house.pool.use("a"):
        stopping = asyncio.create_task(house.pool.stop("a", patience=60))
        await asyncio.sleep(0)
        again = asyncio.create_task(house.pool.load("a"))
        await asyncio.sleep(0)

    await asyncio.gather(stopping, again)

    assert len(house.started) == 2


async def test_stopping_what_is_not_loaded_says_what_is() -> None:
    house = House()
    await house.pool.load("a")

    with pytest.raises(NotFound, match="b is not loaded"):
        await house.pool.stop("b", patience=1)


async def test_a_model_whose_process_dies_is_loaded_again_for_the_next_request() -> None:
    house = House()
    await house.pool.load("a")

    await _crash(house)

    async with house.pool.use("a") as engine:
        assert engine is house.started[1]


async def test_a_model_that_keeps_crashing_is_given_a_rest() -> None:
    house = House()
    for _ in range(3):
        await house.pool.load("a")
        await _crash(house)

    with pytest.raises(Unavailable, match="crashed 3 times in a minute"):
        await house.pool.load("a")

    house.now = 61
    assert (await house.pool.load("a")).state == "ready"


async def test_stopping_a_model_that_loads_ends_the_wait_for_it() -> None:
    house = House(Endless)
    asker = asyncio.create_task(house.pool.load("a"))
    await turns()

    await house.pool.stop("a", patience=60)

    with pytest.raises(Unavailable, match="was stopped before it had loaded"):
        await asker


async def test_stopping_a_model_that_waits_for_memory_ends_the_wait_for_it() -> None:
    house = House()
    async with house.pool.use("a"), house.pool.use("b"):
        asker = asyncio.create_task(house.pool.load("c"))
        await turns()

        await house.pool.stop("c", patience=60)

        with pytest.raises(Unavailable, match="was stopped before it had loaded"):
            await asker


async def test_a_closed_pool_starts_nothing_more() -> None:
    house = House()
    await house.pool.load("a")

    await house.pool.close()

    assert house.pool.leases() == []
    with pytest.raises(Unavailable, match="stopping"):
        await house.pool.load("a")


async def test_a_box_that_begins_to_stop_turns_away_who_waits_and_lets_what_is_loaded_answer() -> None:
    house = House()
    async with house.pool.use("a"), house.pool.use("b"):
        asker = asyncio.create_task(house.pool.load("c"))
        await turns()

        house.pool.turn_away()

        with pytest.raises(Unavailable, match="The box is stopping"):
            await asker
        assert (await house.pool.load("a")).state == "ready"


class Endless(Echo):
    """An echo that loads until it is ended, as a process does that is killed in mid-load."""

    async def load(self) -> None:
        await self.wait_ended()
        raise EngineFailed("its process was ended by signal 9")


def names(house: House) -> list[str]:
    return [lease.holder for lease in house.pool.leases()]


async def turns(count: int = 20) -> None:
    """Let everybody else go on for a while."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _crash(house: House) -> None:
    await house.started[-1].close()
    while house.pool.leases():
        await asyncio.sleep(0)

"""Who is next."""

from __future__ import annotations

import asyncio

import pytest

from tinderbox.engines.turns import Turns

pytestmark = pytest.mark.anyio


class Line:
    """Askers of two slots: it knows in which order they had their turns, and ends them one by one."""

    def __init__(self, slots: int = 2) -> None:
        self.turns = Turns(slots)
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        """`a1` is the first question of owner `a`."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._take(name))
        await self.pause()

    async def end(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()
            await self.pause()

    async def pause(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _take(self, name: str) -> None:
        async with self.turns.take(name[0]):
            self.begun.append(name)
            await self.ends[name].wait()


async def test_a_free_slot_is_taken_at_once() -> None:
    line = Line()

    await line.ask("a1", "a2", "a3")

    assert line.begun == ["a1", "a2"]


async def test_who_asks_rarely_goes_before_who_asks_often() -> None:
    line = Line()
    await line.ask("a1", "a2", "a3", "a4", "a5", "b1")

    await line.end("a1", "a2")

    assert line.begun == ["a1", "a2", "b1", "a3"]


async def test_two_who_ask_without_end_get_the_same() -> None:
    line = Line(slots=1)
    await line.ask(*(f"a{i}" for i in range(6)), *(f"b{i}" for i in range(3)))

    await line.end("a0", "b0", "a1", "b1", "a2", "b2", "a3")

    assert line.begun == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "a4"]


async def test_who_goes_away_leaves_the_line() -> None:
    line = Line(slots=1)
    await line.ask("a1", "b1", "c1")

    line.tasks["b1"].cancel()
    await line.end("a1")

    assert line.begun == ["a1", "c1"]


async def test_a_turn_that_comes_to_one_who_just_went_away_goes_to_the_next() -> None:
    line = Line(slots=1)
    await line.ask("a1", "b1", "c1")

    line.ends["a1"].set()
    await asyncio.sleep(0)
    line.tasks["b1"].cancel()
    await line.pause()

    assert line.begun[-1] == "c1"
    await line.end("c1")
    await line.ask("d1")
    assert line.begun[-1] == "d1"


async def test_a_turn_that_fails_is_given_back() -> None:
    turns = Turns(1)

    with pytest.raises(ValueError, match="broken"):
        async with turns.take("a"):
            raise ValueError("broken")

    async with turns.take("b"):
        pass


def test_who_leaves_as_a_turn_ends_takes_none_with_them() -> None:
    async def all_go_away_at_once() -> None:
        turns, ended = Turns(1), asyncio.Event()

        async def ask() -> None:
            async with turns.take("a"):
                await ended.wait()

        asked = [asyncio.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        gone = await asyncio.gather(*asked, return_exceptions=True)

        assert [type(error) for error in gone] == [asyncio.CancelledError] * 3
        ended.set()
        await asyncio.wait_for(ask(), 5)

    asyncio.run(all_go_away_at_once())

"""What the ledger decides is carried out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tinderbox.errors import DoesNotFit, Unavailable
from tinderbox.memory import Claim, Governor, Ledger, Reading
from tinderbox.memory.decisions import Decision
from tinderbox.memory.event import Began, Left, Loaded, Wanted
from tinderbox.units import GB

pytestmark = pytest.mark.anyio


class Machine:
    """10 GB with a clock in hand; it knows what was released, and by force or not."""

    def __init__(self) -> None:
        self.now = 0.0
        self.available = 10 * GB
        self.measured: dict[str, int] = {}
        self.released: list[tuple[str, bool]] = []
        self.decisions: list[Decision] = []
        self.governor = Governor(Ledger(10 * GB), self._read, lambda: self.now, self.decisions.append)

    def _read(self) -> Reading:
        return Reading(10 * GB, self.available, cache=1 * GB, some=0.0)

    def claim(self, holder: str, size: int) -> Claim:
        def release(force: bool) -> None:
            self.released.append((holder, force))

        return Claim(Wanted(holder, size * GB), release, lambda: self.measured.get(holder))

    async def grant(self, holder: str, size: int) -> None:
        await self.governor.grant(self.claim(holder, size))
        self.governor.tell(Loaded(holder))


async def test_a_grant_comes_at_once_where_there_is_room() -> None:
    machine = Machine()

    await machine.grant("chat", 6)

    assert machine.governor.room().used_by_us == 6 * GB


async def test_what_never_fits_is_refused_with_a_remedy() -> None:
    with pytest.raises(DoesNotFit, match="smaller model would fit"):
        await Machine().grant("chat", 11)


async def test_who_is_in_the_way_is_asked_to_leave() -> None:
    machine = Machine()
    await machine.grant("flux", 8)

    asker = asyncio.create_task(machine.grant("chat", 6))
    await asyncio.sleep(0)
    released = list(machine.released)
    machine.governor.tell(Left("flux"))
    await asker

    assert released == [("flux", False)]


async def test_what_is_measured_comes_from_the_holder_and_the_rest_is_others() -> None:
    machine = Machine()
    await machine.grant("chat", 6)
    machine.measured, machine.available = {"chat": 7 * GB}, 1 * GB

    machine.governor.look()

    room = machine.governor.room()
    assert (room.used_by_us, room.used_by_others, room.free) == (7 * GB, 2 * GB, 1 * GB)


async def test_what_a_holder_still_had_while_it_ended_keeps_nobody_waiting_once_it_is_gone() -> None:
    """Its process tells of no memory any more, and the machine has not got it back yet."""
    machine = Machine()
    await machine.grant("flux", 8)
    asker = asyncio.create_task(machine.grant("chat", 6))
    await asyncio.sleep(0)
    machine.available = 2 * GB
    machine.governor.look()

    machine.available = 10 * GB
    machine.governor.tell(Left("flux"))
    await asyncio.wait_for(asker, timeout=5)

    assert list(machine.governor.ledger.leases) == ["chat"]


async def test_an_asker_who_is_cancelled_just_as_the_grant_comes_gives_it_back() -> None:
    machine = Machine()
    await machine.grant("flux", 8)
    asker = asyncio.create_task(machine.grant("chat", 6))
    await asyncio.sleep(0)

    machine.governor.tell(Left("flux"))
    asker.cancel()
    await asyncio.gather(asker, return_exceptions=True)

    assert machine.governor.ledger.leases == {}


async def test_a_wait_that_is_too_long_is_an_error_to_try_again() -> None:
    machine = Machine()
    await machine.grant("busy", 8)
    machine.governor.tell(Began("busy"))
    asker = asyncio.create_task(machine.grant("chat", 6))
    await asyncio.sleep(0)

    machine.now = 61
    machine.governor.tick()

    with pytest.raises(Unavailable, match=r"chat waited 1 min 1 s .* at work: busy") as raised:
        await asker
    assert raised.value.retry_after > 0


async def test_a_job_is_told_to_yield_and_comes_back_by_itself() -> None:
    machine = Machine()

    async def work() -> None:
        told = asyncio.Event()
        async with machine.governor.tenancy("run 1", 8 * GB, told.set):
            await told.wait()

    job = asyncio.create_task(work())
    await asyncio.sleep(0)
    await machine.grant("chat", 6)
    await job

    again = asyncio.create_task(work())
    await asyncio.sleep(0)
    waits = [wish.holder for wish in machine.governor.ledger.wishes]
    machine.governor.tell(Left("chat"))
    await asyncio.sleep(0)
    assert (waits, list(machine.governor.ledger.leases)) == (["run 1"], ["run 1"])
    again.cancel()


async def test_every_decision_is_told_with_its_reason() -> None:
    machine = Machine()
    await machine.grant("flux", 8)
    machine.now = 42 * 60
    asker = asyncio.create_task(machine.grant("chat", 6))
    await asyncio.sleep(0)
    machine.governor.tell(Left("flux"))
    await asker

    told = [(decision.what, decision.holder, decision.reason) for decision in machine.decisions]
    assert told[0] == ("granted", "flux", "there was room")
    assert told[1] == ("evicted", "flux", "to make room for chat (6.0 GB); idle for 42 min 0 s")
    assert [what for what, _, _ in told[2:]] == ["waits", "granted"]


async def test_before_a_freeze_a_tenant_is_ended_by_force() -> None:
    machine = Machine()
    await machine.grant("chat", 6)
    machine.governor.tell(Began("chat"))
    machine.available = GB // 100

    machine.governor.tick()

    assert machine.released == [("chat", True)]


async def test_the_history_has_a_point_for_each_five_seconds() -> None:
    machine = Machine()

    for machine.now in range(21):
        machine.governor.tick()

    assert [sample.free for sample in machine.governor.samples] == [10 * GB] * 5


async def test_a_date_that_was_changed_moves_no_lease() -> None:
    machine = Machine()
    machine.now = 100

    since = machine.governor.wall_time(40)

    assert datetime.now(UTC) - since == pytest.approx(timedelta(seconds=60), abs=timedelta(seconds=5))


async def test_a_limit_of_the_control_group_that_changes_is_followed() -> None:
    machine = Machine()
    machine.governor = Governor(Ledger(20 * GB), machine._read, lambda: machine.now)

    machine.governor.look()

    assert machine.governor.ledger.total == 10 * GB

"""Who is asked, who is believed, and who is ended."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Pulse, Settings
from tinderbox.engines.health import BUSY_PATIENCE, PROVE_EVERY, Health, need_of
from tinderbox.errors import EngineFailed, Unavailable
from tinderbox.learning import Timings
from tinderbox.memory import Lease

pytestmark = pytest.mark.anyio
ANSWER = Timings("a", read=1, read_per_second=1.0, cached=0, generated=1, generated_per_second=1.0)


class Patient(Echo):
    """An echo with a process that can be stopped, or be slow."""

    def __init__(self) -> None:
        super().__init__(Settings("a", Path("a.gguf"), context=512, parallel=1, threads=1))
        self.asked: list[bool] = []
        self.now = Pulse(worked=0.0)
        self.works = 0.0  # seconds of processor for each question
        self.deaf = False
        self.reason: EngineFailed | None = None

    def pulse(self) -> Pulse | None:
        return self.now

    async def prove(self, *, token: bool) -> bool:
        self.asked.append(token)
        self.now = replace(self.now, worked=self.now.worked + self.works)
        if self.deaf:
            await asyncio.Event().wait()
        return await super().prove(token=token)

    def fail(self, reason: EngineFailed) -> None:
        self.reason = reason


class Ward:
    """One patient, busy or idle, under a clock that is set by hand."""

    def __init__(self) -> None:
        self.patient = Patient()
        self.busy = False
        self.there = True
        self.now = 0.0
        self.health = Health(self._engines, clock=lambda: self.now, deadline=0.01)

    def _engines(self) -> list[tuple[Lease, Patient]]:
        lease = Lease("a", "model", 1, state="ready", users=int(self.busy))
        return [(lease, self.patient)] if self.there else []


@pytest.mark.parametrize(
    ("busy", "stopped", "quiet", "unasked", "need"),
    [
        (False, False, 0.0, None, "token"),
        (False, False, 0.0, PROVE_EVERY - 1, "nothing"),
        (False, False, 0.0, PROVE_EVERY, "token"),
        (True, False, BUSY_PATIENCE - 1, None, "nothing"),
        (True, False, BUSY_PATIENCE, 0.0, "sign"),
        (True, True, 0.0, 0.0, "sign"),
    ],
)
def test_what_must_be_known(busy: bool, stopped: bool, quiet: float, unasked: float | None, need: str) -> None:
    assert need_of(busy=busy, stopped=stopped, quiet=quiet, unasked=unasked) == need


async def test_an_idle_engine_is_asked_for_a_token_once_a_minute() -> None:
    ward = Ward()

    await ward.health.look()
    await ward.health.look()
    ward.now = PROVE_EVERY
    await ward.health.look()

    assert ward.patient.asked == [True, True]


async def test_an_answer_that_somebody_got_is_proof_enough() -> None:
    ward = Ward()
    await ward.health.look()

    ward.now = PROVE_EVERY
    ward.health.heard(ANSWER)
    await ward.health.look()

    assert len(ward.patient.asked) == 1


async def test_one_that_does_not_answer_is_asked_twice_and_ended() -> None:
    ward = Ward()
    ward.patient.deaf = True

    await ward.health.look()

    assert ward.patient.asked == [True, True]
    assert ward.patient.reason is not None
    assert "did not answer" in ward.patient.reason.what


async def test_one_whose_process_was_stopped_is_asked_once_and_ended() -> None:
    ward = Ward()
    ward.patient.deaf, ward.patient.now = True, Pulse(worked=0.0, stopped=True)

    await ward.health.look()

    assert ward.patient.asked == [False]
    assert ward.patient.reason is not None


async def test_one_that_is_slow_but_works_is_left_alone() -> None:
    ward = Ward()
    ward.patient.deaf, ward.patient.works = True, 1.0

    await ward.health.look()

    assert ward.patient.reason is None


async def test_a_busy_engine_that_uses_the_processor_is_never_asked() -> None:
    ward = Ward()
    ward.busy = True
    await ward.health.look()

    ward.now, ward.patient.now = BUSY_PATIENCE, Pulse(worked=20.0)
    await ward.health.look()

    assert ward.patient.asked == []


async def test_a_busy_engine_that_uses_none_is_asked_and_ended() -> None:
    ward = Ward()
    ward.busy, ward.patient.deaf = True, True
    await ward.health.look()

    ward.now = BUSY_PATIENCE
    await ward.health.look()

    assert ward.patient.asked == [False, False]
    assert ward.patient.reason is not None


async def test_a_box_without_models_is_not_ready_before_anything_was_answered() -> None:
    ward = Ward()
    ward.there = False

    with pytest.raises(Unavailable, match="no model is loaded"):
        await ward.health.check()


async def test_a_box_whose_models_left_after_they_answered_is_ready() -> None:
    ward = Ward()
    await ward.health.check()

    ward.there = False

    assert await ward.health.check() == 0


async def test_a_model_that_answers_makes_the_box_ready_and_is_not_asked_again_at_once() -> None:
    ward = Ward()

    await ward.health.check()
    ready = await ward.health.check()

    assert (ready, ward.patient.asked) == (1, [True])


async def test_a_model_that_never_answered_makes_no_box_ready() -> None:
    ward = Ward()
    ward.patient.deaf = True

    with pytest.raises(Unavailable, match="No loaded model answers"):
        await ward.health.check()


async def test_who_asks_for_readiness_meanwhile_waits_for_the_same_answer() -> None:
    ward = Ward()

    await asyncio.gather(ward.health.check(), ward.health.look(), ward.health.check())

    assert ward.patient.asked == [True]


async def test_a_stopped_model_is_not_ready_whatever_it_did_before() -> None:
    ward = Ward()
    await ward.health.check()

    ward.patient.now = Pulse(worked=0.0, stopped=True)

    with pytest.raises(Unavailable, match="No loaded model answers"):
        await ward.health.check()


async def test_after_an_end_the_box_says_why_until_something_answers() -> None:
    ward = Ward()
    ward.patient.deaf = True
    await ward.health.look()
    ward.there = False
    with pytest.raises(Unavailable, match="A model was ended: it did not answer"):
        await ward.health.check()

    ward.patient, ward.there = Patient(), True

    assert await ward.health.check() == 1

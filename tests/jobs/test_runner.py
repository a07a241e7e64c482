"""How jobs are run, with real processes and memory that comes and goes."""

import os
from pathlib import Path

import pytest

from tests.jobs.yard import open_yard
from tinderbox.errors import BadRequest, Conflict, NoSuchJob, WrongUsage
from tinderbox.jobs.metrics import Metrics
from tinderbox.units import GB

pytestmark = pytest.mark.anyio


async def test_a_job_runs_to_its_result(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"to": 5})

        done = await yard.comes_to(job.number, "done")

    assert (done.result["counted"], done.progress, done.kept) == (5, 1.0, {"count": 5})
    assert done.started is not None
    assert done.ended is not None


async def test_a_job_steps_behind_everybody_else(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {})

        done = await yard.comes_to(job.number, "done")

    assert (done.result["policy"], done.result["nice"]) == (os.SCHED_IDLE, 19)


async def test_a_job_waits_for_its_memory(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        yard.room.clear()
        job = await yard.runner.submit("count", {})
        await yard.comes_to(job.number, "waiting", "waits for 1.0 GB of memory")

        yard.room.set()

        assert (await yard.comes_to(job.number, "done")).result["counted"] == 3


async def test_a_job_gives_way_and_goes_on_by_itself_with_what_it_has_kept(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"to": 4, "then": "wait"})
        await yard.has_counted(job.number, 4)

        yard.take_back("run 1")
        yielded = await yard.comes_to(job.number, "yielded")
        holders = list(yard.holders)
        yard.room.set()

        assert (yielded.kept, holders) == ({"count": 4}, [])
        assert (await yard.comes_to(job.number, "running", "begins at 4")).kept == {"count": 4}


async def test_jobs_have_their_turns_in_order(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        jobs = [await yard.runner.submit("count", {}) for _ in range(3)]

        last = await yard.comes_to(jobs[-1].number, "done")
        ended = [job.ended for job in yard.runner.jobs()]

    assert ended == sorted(ended, key=lambda time: time or last.created)


async def test_a_job_that_can_never_be_granted_fails_with_the_reason(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"memory": 9 * GB})

        failed = await yard.comes_to(job.number, "failed")

    assert failed.error == "run 1 needs more than there is."


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ("refuse", "The orders cannot be carried out."),
        ("die", "Its process was ended by signal 9 (SIGKILL)."),
        ("grumble", "and this is the end"),
    ],
)
async def test_a_job_that_fails_says_why_in_one_line(tmp_path: Path, then: str, words: str) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": then})

        failed = await yard.comes_to(job.number, "failed")

    assert words in (failed.error or "")


async def test_a_job_that_asks_for_another_start_is_asked_for_its_memory_anew(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "again"})

        done = await yard.comes_to(job.number, "done")

    assert done.result["counted"] == 3
    assert yard.asked == [f"run {job.number}"] * 2


async def test_what_a_job_measures_of_itself_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {})
        await yard.comes_to(job.number, "done")

        curves = yard.runner.curves(job.number)
        yard.runner.forget(job.number)

    assert curves == {"counted": [(3, 3.0)]}
    assert Metrics(tmp_path).curves(job.number) == {}


async def test_a_stopped_job_is_gone_with_its_process_and_can_be_resumed(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "wait"})
        await yard.has_counted(job.number, 3)

        stopped = await yard.runner.stop(job.number)
        holders = list(yard.holders)
        yard.runner.resume(job.number)

        assert (stopped.state, holders) == ("stopped", [])
        await yard.comes_to(job.number, "running", "begins at 3")


async def test_a_job_that_waits_can_be_stopped(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        yard.room.clear()
        job = await yard.runner.submit("count", {})

        assert (await yard.runner.stop(job.number)).state == "stopped"


async def test_a_box_that_starts_again_takes_up_what_was_left(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "wait"})
        await yard.has_counted(job.number, 3)

    async with open_yard(tmp_path) as yard:
        assert (await yard.comes_to(job.number, "running", "begins at 3")).state == "running"


async def test_a_log_is_read_to_the_end_of_its_job(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "grumble"})

        said = [piece async for piece in yard.runner.read_log(job.number, lambda: False)]

    assert sorted(b"".join(said).splitlines()) == [b"and this is the end", b"this is no JSON"]


async def test_a_forgotten_job_leaves_nothing(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "refuse"})
        await yard.comes_to(job.number, "failed")

        yard.runner.forget(job.number)

    assert yard.runner.jobs() == []
    assert [path for path in tmp_path.rglob("*") if path.name in ("1", "run-1.log")] == []


async def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        with pytest.raises(BadRequest, match="Did you mean count"):
            await yard.runner.submit("cuont", {})
        with pytest.raises(WrongUsage, match="goes up"):
            await yard.runner.submit("count", {"to": -1})
        with pytest.raises(NoSuchJob, match="There are none yet"):
            yard.runner.find(7)

        job = await yard.runner.submit("count", {})
        with pytest.raises(Conflict, match="stop 1"):
            yard.runner.forget(job.number)
        await yard.comes_to(job.number, "done")
        with pytest.raises(Conflict, match="done already"):
            await yard.runner.stop(job.number)


async def test_several_jobs_can_run_at_once_without_a_word_lost(tmp_path: Path) -> None:
    async with open_yard(tmp_path, at_once=3) as yard:
        jobs = [await yard.runner.submit("count", {"to": 50}) for _ in range(3)]

        done = [await yard.comes_to(job.number, "done") for job in jobs]

    assert [job.result["counted"] for job in done] == [50, 50, 50]


async def test_a_job_rests_without_a_process_until_it_is_resumed(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "rest"})
        resting = await yard.comes_to(job.number, "resting")
        holders = list(yard.holders)

        yard.runner.resume(job.number)

        assert (resting.message, holders) == ("waits for a word", [])
        assert (await yard.comes_to(job.number, "done")).result["counted"] == 3


async def test_a_job_that_rests_is_left_alone_by_a_box_that_starts_again(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        job = await yard.runner.submit("count", {"then": "rest"})
        await yard.comes_to(job.number, "resting")

    async with open_yard(tmp_path) as again:
        assert again.runner.find(job.number).state == "resting"
        assert (await again.runner.stop(job.number)).state == "stopped"


async def test_a_kind_that_goes_beside_waits_for_no_others(tmp_path: Path) -> None:
    async with open_yard(tmp_path, beside=["aside"]) as yard:
        long = await yard.runner.submit("count", {"then": "wait"})
        await yard.has_counted(long.number, 3)

        short = await yard.runner.submit("aside", {})

        assert (await yard.comes_to(short.number, "done")).result["counted"] == 3
        assert yard.runner.find(long.number).state == "running"

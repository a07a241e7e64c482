"""The life of a job, without any process."""

from datetime import UTC, datetime

import pytest

from tinderbox.errors import Conflict
from tinderbox.jobs import job as life
from tinderbox.jobs.job import Job

NOON, LATER = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
NEW = Job(7, "bench", {"model": "smollm2:135m"}, 10**9, NOON)
RUNNING = life.start(NEW, NOON)


def test_a_job_waits_runs_and_is_done() -> None:
    done = life.finish(RUNNING, LATER)

    assert [NEW.state, RUNNING.state, done.state] == ["waiting", "running", "done"]
    assert (done.started, done.ended, done.progress) == (NOON, LATER, 1.0)


def test_a_job_that_yielded_runs_again_and_keeps_its_first_start() -> None:
    again = life.start(life.give_way(RUNNING), LATER)

    assert (again.state, again.started) == ("running", NOON)


def test_a_job_that_failed_keeps_what_it_kept_when_it_is_resumed() -> None:
    failed = life.fail(life.hear(RUNNING, {"kept": {"tensors": 3}}), "no room", LATER)

    resumed = life.resume(failed)

    assert (failed.error, failed.ended) == ("no room", LATER)
    assert (resumed.state, resumed.kept, resumed.error, resumed.ended) == ("waiting", {"tensors": 3}, None, None)


def test_what_ran_when_the_box_ended_waits_again() -> None:
    assert life.take_up(RUNNING).state == life.take_up(life.give_way(RUNNING)).state == "waiting"


def test_only_known_words_are_heard() -> None:
    heard = life.hear(RUNNING, {"progress": 0.5, "state": "done", "number": 1})

    assert (heard.progress, heard.state, heard.number) == (0.5, "running", 7)


def test_a_job_is_a_holder_of_memory_by_its_number() -> None:
    assert life.ask(NEW, 2 * 10**9).message == "waits for 2.0 GB of memory"
    assert NEW.holder == "run 7"


@pytest.mark.parametrize("over", [life.finish(RUNNING, LATER), life.stop(RUNNING, LATER), life.stop(NEW, LATER)])
def test_what_is_over_does_not_run(over: Job) -> None:
    with pytest.raises(Conflict, match=f"Job 7 is {over.state}"):
        life.start(over, LATER)


@pytest.mark.parametrize("job", [NEW, RUNNING, life.give_way(RUNNING), life.finish(RUNNING, LATER)])
def test_only_what_was_stopped_or_has_failed_is_resumed(job: Job) -> None:
    with pytest.raises(Conflict, match="only what rests, was stopped or has failed"):
        life.resume(job)


def test_a_job_is_told_as_json_with_its_times() -> None:
    told = RUNNING.as_json()

    assert (told["holder"], told["state"], told["created"]) == ("run 7", "running", NOON.isoformat())
    assert told["ended"] is None

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tinderbox.errors import DownloadFailed
from tinderbox.models.progress import Meter, Progress, one_at_a_time


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("m", told.append, clock)
    meter.begin(10_000)
    meter.tell(0)

    clock.now = 2.0
    meter.tell(4000)

    assert told[-1] == Progress("m", 4000, 10_000, rate=2000.0, seconds_left=3.0, phase="downloading")


def test_a_slow_start_is_forgotten() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("m", told.append, clock)
    meter.begin(None)
    meter.tell(0)
    clock.now = 100.0
    meter.tell(100)
    clock.now = 101.0
    meter.tell(1100)
    clock.now = 102.0
    meter.tell(2100)

    assert told[-1].rate == 1000.0
    assert told[-1].seconds_left is None


def test_many_small_steps_make_few_reports() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("m", told.append, clock)
    meter.begin(1000)

    meter.tell(1)
    meter.tell(2)
    meter.tell(3)

    assert [progress.done for progress in told] == [0]


def test_files_add_up() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("m", told.append, clock)
    meter.begin(300)
    meter.finish(100)
    clock.now = 1.0

    meter.tell(50)

    assert told[-1].done == 150


def take_turns(lock: Path, report: Callable[[Progress], None], stop: threading.Event) -> None:
    with one_at_a_time(lock, "m", report, stop):
        pass


def test_who_waits_sees_the_other_and_can_give_up(tmp_path: Path) -> None:
    lock, stop = tmp_path / "x.lock", threading.Event()
    told: list[Progress] = []

    def give_up(progress: Progress) -> None:
        told.append(progress)
        stop.set()

    with one_at_a_time(lock, "m", told.append, threading.Event()) as report:
        report(Progress("m", 5, 10, phase="downloading"))
        with pytest.raises(DownloadFailed, match="stopped"):
            take_turns(lock, give_up, stop)

    assert told[-1] == Progress("m", 5, 10, phase="waiting")

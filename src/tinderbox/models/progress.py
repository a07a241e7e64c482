"""How far a download is: told to the one who downloads, and written beside the partial files for those who wait."""

from __future__ import annotations

import fcntl
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tinderbox.models.fetch import check_stop
from tinderbox.units import Bytes

REPORTS_A_SECOND = 8
RATE_OVER = 5.0  # seconds
POLL = 0.25  # seconds between two looks at another process's download


@dataclass(frozen=True, slots=True)
class Progress:
    """`phase` is looking, waiting (for another download of it), downloading, checking or done.

    `rate` is in bytes a second over the last seconds. An unknown total or time left is None.
    """

    model: str
    done: Bytes = 0
    total: Bytes | None = None
    rate: float = 0.0
    seconds_left: float | None = None
    phase: str = "looking"


class Meter:
    """Turns bytes into progress: knows the clock, the files finished before, and when it last reported."""

    def __init__(self, model: str, report: Callable[[Progress], None], clock: Callable[[], float]) -> None:
        self.now = Progress(model)
        self.report = report
        self.clock = clock
        self.finished: Bytes = 0
        self.reported = float("-inf")
        self.seen: deque[tuple[float, Bytes]] = deque()

    def phase(self, phase: str) -> None:
        self._say(replace(self.now, phase=phase))

    def begin(self, total: Bytes | None) -> None:
        self.finished = 0
        self.seen.clear()
        self._say(replace(self.now, done=0, total=total, phase="downloading"))

    def tell(self, done: Bytes) -> None:
        """`done` bytes of the current file are there."""
        time, done = self.clock(), self.finished + done
        self.seen.append((time, done))
        while self.seen[0][0] < time - RATE_OVER and len(self.seen) > 2:
            self.seen.popleft()
        if time - self.reported >= 1 / REPORTS_A_SECOND:
            self._say(self._measured(time, done))

    def finish(self, size: Bytes) -> None:
        """One file of `size` bytes is whole; the next counts from there."""
        self.finished += size
        self._say(self._measured(self.clock(), self.finished))

    def _measured(self, time: float, done: Bytes) -> Progress:
        since, before = self.seen[0] if self.seen else (time, done)
        rate = max(0.0, (done - before) / (time - since)) if time > since else self.now.rate
        left = None if self.now.total is None or not rate else max(0, self.now.total - done) / rate
        return replace(self.now, done=done, rate=rate, seconds_left=left)

    def _say(self, progress: Progress) -> None:
        self.now = progress
        self.reported = self.clock()
        self.report(progress)


@contextmanager
def one_at_a_time(
    lock: Path, model: str, report: Callable[[Progress], None], stop: threading.Event
) -> Iterator[Callable[[Progress], None]]:
    """Holds the lock of one model's download, across processes; yields where to report to.

    While another process holds it, its progress is reported here as `waiting`. The system frees the lock of a process
    that dies, so nobody waits for the dead.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    notice = lock.with_suffix(".progress")
    with lock.open("a") as file:
        while not _locked(file.fileno()):
            report(_noticed(notice, model))
            stop.wait(POLL)
            check_stop(stop)

        def tell_all(progress: Progress) -> None:
            _leave_notice(notice, progress)
            report(progress)

        try:
            yield tell_all
        finally:
            notice.unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave_notice(notice: Path, progress: Progress) -> None:
    unfinished = notice.with_suffix(".part")
    with suppress(OSError):  # a full disk must not end the download before its own message
        unfinished.write_text(json.dumps([progress.done, progress.total, progress.rate, progress.seconds_left]))
        unfinished.replace(notice)


def _noticed(notice: Path, model: str) -> Progress:
    try:
        done, total, rate, left = json.loads(notice.read_text())
    except (OSError, ValueError):
        return Progress(model, phase="waiting")
    return Progress(model, done, total, rate, left, "waiting")

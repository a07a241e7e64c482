"""A runner over real small processes, with memory that the test gives and takes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tinderbox.errors import DoesNotFit, WrongUsage
from tinderbox.jobs.book import Book
from tinderbox.jobs.job import Job, JobState
from tinderbox.jobs.process import Work
from tinderbox.jobs.runner import Runner
from tinderbox.units import GB, Bytes

PATIENCE = 120  # seconds: a job has the processor only while nobody else wants it
WORKER = Path(__file__).with_name("worker.py")


def count(arguments: Mapping[str, Any], folder: Path) -> Work:
    """A kind of job that counts; `then` says how it ends, `memory` what it asks for."""
    if arguments.get("to", 3) < 0:
        raise WrongUsage("Counting goes up.")
    orders = {"to": 3, "then": "end", **arguments}
    return Work((sys.executable, str(WORKER)), arguments.get("memory", GB), orders)


class Yard:
    """The runner, and the hand that holds the memory: `room` is set while there is some."""

    def __init__(self, home: Path, at_once: int, beside: Sequence[str] = ()) -> None:
        self.book = Book(home)
        self.room = asyncio.Event()
        self.room.set()
        self.asked: list[str] = []
        self.holders: dict[str, Callable[[], None]] = {}
        kinds = {"count": count, "aside": count}
        self.runner = Runner(self.book, kinds, self.tenancy, home, at_once=at_once, beside=beside)

    @asynccontextmanager
    async def tenancy(
        self, holder: str, wanted: Bytes, on_yield: Callable[[], None], measured: Callable[[], Bytes | None]
    ) -> AsyncIterator[None]:
        if wanted > 8 * GB:
            raise DoesNotFit(f"{holder} needs more than there is.")
        await self.room.wait()
        self.asked.append(holder)
        self.holders[holder] = on_yield
        try:
            yield
        finally:
            del self.holders[holder]

    def take_back(self, holder: str) -> None:
        """What happens when a person needs the memory."""
        self.room.clear()
        self.holders[holder]()

    async def comes_to(self, number: int, state: JobState, message: str = "") -> Job:
        """The job once it is in that state (and says that)."""
        async with asyncio.timeout(PATIENCE):
            while (job := self.runner.find(number)).state != state or message not in job.message:
                await asyncio.sleep(0.01)
        return job

    async def has_counted(self, number: int, to: int) -> Job:
        async with asyncio.timeout(PATIENCE):
            while ((job := self.runner.find(number)).kept or {}).get("count", 0) < to:
                await asyncio.sleep(0.01)
        return job


@asynccontextmanager
async def open_yard(home: Path, at_once: int = 1, beside: Sequence[str] = ()) -> AsyncIterator[Yard]:
    yard = Yard(home, at_once, beside)
    yard.runner.start()
    try:
        yield yard
    finally:
        await yard.runner.close()

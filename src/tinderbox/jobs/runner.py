"""`Runner`: takes the jobs that wait in order, asks for their memory, attends to their processes, and gives way."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tinderbox.engines.limits import Limit
from tinderbox.errors import BadRequest, Conflict, TinderboxError, did_you_mean
from tinderbox.jobs import job as life
from tinderbox.jobs.book import Book
from tinderbox.jobs.job import Job
from tinderbox.jobs.kinds import Kind
from tinderbox.jobs.metrics import Metrics, Point
from tinderbox.jobs.process import Process
from tinderbox.units import Bytes

# Entering waits until so many bytes are the holder's; the first function is called, in the loop's thread, when a person
# needs them: then the block is left as soon as may be. The second tells what is held. Raises DoesNotFit for what can
# never be granted.
Tenancy = Callable[[str, Bytes, Callable[[], None], Callable[[], Bytes | None]], AbstractAsyncContextManager[None]]

_End = Literal["done", "yielded", "again", "resting"]
_READ_EVERY = 0.5  # seconds between looks at a log that grows
_CHUNK = 1 << 16  # bytes
_BESIDE = 8  # jobs of a kind that waits for no others


class Runner:
    """The jobs of one box. `limits` makes what holds a process to so many bytes. `at_once` are given a turn together;
    the others wait for theirs in the order they came. Those of the kinds `beside` wait for none of these."""

    def __init__(
        self,
        book: Book,
        kinds: Mapping[str, Kind],
        tenancy: Tenancy,
        home: Path,
        limits: Callable[[Bytes], Limit] = Limit,
        *,
        at_once: int = 1,
        beside: Collection[str] = (),
    ) -> None:
        self._book = book
        self._kinds = kinds
        self._tenancy = tenancy
        self._home = home
        self._metrics = Metrics(home)
        self._limits = limits
        self._turns = asyncio.Semaphore(at_once)
        self._beside = {kind: asyncio.Semaphore(_BESIDE) for kind in beside}
        self._jobs: dict[int, Job] = {}  # those that have not ended, as they are now: the book knows no progress
        self._lives: dict[int, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Take up what was left: what ran when the box ended waits again, before what has never run."""
        left = [job for job in self._book.jobs() if not job.is_over and job.state != "resting"]
        for job in sorted(left, key=lambda job: job.state == "waiting"):
            self._take(job if job.state == "waiting" else life.take_up(job))

    async def submit(self, kind: str, arguments: Mapping[str, Any]) -> Job:
        """A new job, checked, waiting for its turn. Raises BadRequest for an unknown kind, and whatever the kind has
        against the arguments."""
        work = await asyncio.to_thread(self._kind(kind), arguments, self.folder(0))
        job = self._book.add(kind, arguments, work.predicted, _now())
        self._take(job)
        return job

    def jobs(self) -> list[Job]:
        """All of them, the oldest first."""
        return [self._jobs.get(job.number, job) for job in self._book.jobs()]

    def find(self, number: int) -> Job:
        """Raises NotFound with the nearest numbers."""
        return self._jobs.get(number) or self._book.find(number)

    async def stop(self, number: int) -> Job:
        """End a job that has not ended. Raises Conflict for one that has."""
        job = self.find(number)
        if job.state == "resting":
            self._put(life.stop(job, _now()))
            return self.find(number)
        if (ongoing := self._lives.get(number)) is None:
            raise Conflict(f"Job {number} is {job.state} already.")
        if not ongoing.cancelling():
            ongoing.cancel()
        await asyncio.wait([ongoing])
        if number in self._jobs:  # it may have come to its end by itself meanwhile
            self._put(life.stop(self._jobs[number], _now()))
        return self.find(number)

    def resume(self, number: int) -> Job:
        """Let a job that rests, was stopped or has failed wait for another turn. Raises Conflict for any other."""
        job = life.resume(self.find(number))
        self._take(job)
        return job

    def forget(self, number: int) -> None:
        """Remove a job that has ended, its log and its folder. Raises Conflict for one that has not ended."""
        if not (job := self.find(number)).is_over:
            raise Conflict(f"Job {number} is {job.state}.", f"Stop it first: tinderbox jobs stop {number}")
        self._book.remove(number)
        self._metrics.remove(number)
        self.log(number).unlink(missing_ok=True)
        shutil.rmtree(self.folder(number), ignore_errors=True)

    def folder(self, number: int) -> Path:
        """Where a job keeps what it is making; it stays for as long as the job can be resumed."""
        return self._home / "runs" / str(number)

    def log(self, number: int) -> Path:
        """The words of a job's process, which are there once it has started."""
        return self._home / "logs" / f"run-{number}.log"

    def curves(self, number: int) -> dict[str, list[Point]]:
        """What the job's process has measured of itself. Raises NotFound with the nearest numbers."""
        self.find(number)
        return self._metrics.curves(number)

    async def read_log(self, number: int, stopping: Callable[[], bool] | None = None) -> AsyncIterator[bytes]:
        """The log; with `stopping`, what is added too, until the job ends or that says so."""
        self.find(number)
        path, read = self.log(number), 0
        while True:
            ends = stopping is None or stopping() or self.find(number).is_over
            while chunk := await asyncio.to_thread(_read, path, read):
                read += len(chunk)
                yield chunk
            if ends:
                return
            await asyncio.sleep(_READ_EVERY)

    async def close(self) -> None:
        """End every process. The jobs are taken up when the box starts again."""
        lives = list(self._lives.values())
        for ongoing in lives:
            if not ongoing.cancelling():
                ongoing.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    def _take(self, job: Job) -> None:
        self._put(job)
        self._lives[job.number] = asyncio.create_task(self._live(job.number))

    async def _live(self, number: int) -> None:
        try:
            async with self._beside.get(self._jobs[number].kind, self._turns):
                while (end := await self._run(number)) in ("yielded", "again"):
                    pass
            job = self._jobs[number]
            self._put(life.rest(job, job.message) if end == "resting" else life.finish(job, _now()))
        except Exception as error:  # noqa: BLE001  (whatever it was, the job must not seem to run for ever)
            said = str(error) if isinstance(error, TinderboxError) else f"{type(error).__name__}: {error}"
            self._put(life.fail(self._jobs[number], said, _now()))

    async def _run(self, number: int) -> _End:
        """From the memory's grant to the end, or until it is wanted back or the process asks for another start."""
        job = self._jobs[number]
        work = await asyncio.to_thread(self._kind(job.kind), job.arguments, self.folder(number))
        self._jobs[number] = life.ask(job, work.predicted)
        process = Process(work, self.log(number), self._limits(work.predicted))
        wanted = asyncio.Event()
        async with self._tenancy(job.holder, work.predicted, wanted.set, process.measured):
            self._put(life.start(self._jobs[number], _now()))
            with work.lends() as lent:
                end = await self._attend(number, process, {**work.orders, **lent}, wanted)
        if end == "yielded":
            self._put(life.give_way(self._jobs[number]))
        elif end == "again":
            self._put(life.take_up(self._jobs[number]))
        return end

    async def _attend(self, number: int, process: Process, orders: Mapping[str, Any], wanted: asyncio.Event) -> _End:
        folder = self.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        orders = {**orders, "folder": str(folder), "number": number, "kept": self._jobs[number].kept}
        end: _End = "done"

        def hear(words: Mapping[str, Any]) -> None:
            nonlocal end
            end = "again" if words.get("again") is True else "resting" if "rests" in words else end
            self._hear(number, words)

        attending = asyncio.create_task(process.run(orders, hear))
        giving_way = asyncio.create_task(wanted.wait())
        try:
            await asyncio.wait([attending, giving_way], return_when=asyncio.FIRST_COMPLETED)
        finally:
            giving_way.cancel()
            attending.cancel()
            await asyncio.wait([attending])  # no memory is given back while the process has it
        if attending.cancelled():
            return "yielded"
        attending.result()
        return end

    def _kind(self, name: str) -> Kind:
        if name not in self._kinds:
            near = did_you_mean(name, self._kinds) or f"There are {', '.join(self._kinds)}."
            raise BadRequest(f"'{name}' is no kind of job.", near, "kind")
        return self._kinds[name]

    def _hear(self, number: int, words: Mapping[str, Any]) -> None:
        words = {**words, "message": words["rests"]} if "rests" in words else words
        job = self._jobs[number] = life.hear(self._jobs[number], words)
        if "kept" in words or "result" in words:
            self._book.write(job)
        if "metrics" in words:
            self._metrics.add(number, words["metrics"])

    def _put(self, job: Job) -> None:
        self._jobs[job.number] = job
        self._book.write(job)
        if job.is_over or job.state == "resting":
            self._jobs.pop(job.number, None)
            self._lives.pop(job.number, None)
        if job.state == "done":
            with suppress(OSError):  # what a kind has left there on purpose stays
                self.folder(job.number).rmdir()


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(_CHUNK)
    except FileNotFoundError:
        return b""


def _now() -> datetime:
    return datetime.now(UTC)

"""`Job` and its life, as functions from what it was to what it becomes.

    waiting ──► running ──► done
       ▲ ▲         │ ├────► failed ──┐
       │ │         ▼ ├────► resting ─┤ resume
       │ └───── yielded              │
       └──── stopped ◄───────────────┘

A job waits for its turn and its memory, runs, and yields when a person needs the memory; then it runs again by itself.
It rests, without a process, while it waits for a person's word. Whatever has not ended can be stopped; what rests, was
stopped or has failed can be resumed; a box that starts again puts what it finds running or yielded back among those
that wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from tinderbox.errors import Conflict
from tinderbox.units import Bytes, format_bytes

JobState = Literal["waiting", "running", "yielded", "resting", "done", "failed", "stopped"]
_MOVES: dict[JobState, frozenset[JobState]] = {
    "waiting": frozenset({"running", "failed", "stopped"}),
    "running": frozenset({"waiting", "yielded", "resting", "done", "failed", "stopped"}),
    "yielded": frozenset({"waiting", "running", "failed", "stopped"}),
    "resting": frozenset({"waiting", "stopped"}),
    "done": frozenset(),
    "failed": frozenset({"waiting"}),
    "stopped": frozenset({"waiting"}),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. `arguments` are what its kind was asked for; `predicted` is the memory it is granted.

    `progress` goes from 0 to 1; `kept` is what it has handed over so that it need not be done again; `result` is what
    came of it. `started` is the first start, `ended` the end there was.
    """

    number: int
    kind: str
    arguments: Mapping[str, Any]
    predicted: Bytes
    created: datetime
    state: JobState = "waiting"
    progress: float | None = None
    message: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    kept: Any = None
    result: Any = None
    error: str | None = None

    @property
    def holder(self) -> str:
        """Its name among those who hold memory."""
        return f"run {self.number}"

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    def as_json(self) -> dict[str, Any]:
        times = {"created": self.created, "started": self.started, "ended": self.ended}
        said = {name: time.isoformat() if time else None for name, time in times.items()}
        return asdict(self) | said | {"holder": self.holder}


def ask(job: Job, predicted: Bytes) -> Job:
    """It has its turn, and asks for so much memory."""
    return replace(job, predicted=predicted, message=f"waits for {format_bytes(predicted)} of memory")


def start(job: Job, now: datetime) -> Job:
    return replace(_moved(job, "running"), started=job.started or now, message="")


def hear(job: Job, words: Mapping[str, Any]) -> Job:
    """What its process said of itself: any of `progress`, `message`, `kept` and `result`."""
    known = {key: words[key] for key in ("progress", "message", "kept", "result") if key in words}
    return replace(job, **known)


def give_way(job: Job) -> Job:
    return replace(_moved(job, "yielded"), message="gave its memory back; goes on when there is room")


def rest(job: Job, why: str) -> Job:
    return replace(_moved(job, "resting"), message=why)


def finish(job: Job, now: datetime) -> Job:
    return replace(_moved(job, "done"), ended=now, progress=1.0, message="")


def fail(job: Job, error: str, now: datetime) -> Job:
    return replace(_moved(job, "failed"), ended=now, error=error, message="")


def stop(job: Job, now: datetime) -> Job:
    return replace(_moved(job, "stopped"), ended=now, message="")


def take_up(job: Job) -> Job:
    """The box was started again: what ran or had yielded waits for its turn."""
    return replace(_moved(job, "waiting"), message="")


def resume(job: Job) -> Job:
    """Back among those that wait; what it has kept is not done again."""
    if job.state not in ("resting", "failed", "stopped"):
        raise Conflict(f"Job {job.number} is {job.state}; only what rests, was stopped or has failed is resumed.")
    return replace(_moved(job, "waiting"), ended=None, error=None, message="")


def _moved(job: Job, state: JobState) -> Job:
    if state not in _MOVES[job.state]:
        raise Conflict(f"Job {job.number} is {job.state}; it cannot become {state}.")
    return replace(job, state=state)

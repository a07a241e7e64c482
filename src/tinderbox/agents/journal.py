"""`Journal`: what a run of an agent did, written down before the next thing is begun, so that none is done twice.

A run is a row and its steps: each answer of the model, each call of a tool. A step is begun before it acts and ended
with what came of it. One that was begun and has no end was broken off: whether it was done is not known.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinderbox import state
from tinderbox.errors import NoSuchRun

StepKind = Literal["chat", "tool"]
# A call of a tool that asks a person is `asked` until there is a verdict; then `allowed`, `begun`, and so on, or
# `denied`. `unknown` is what was begun by a process that came to its end meanwhile.
StepState = Literal["begun", "asked", "allowed", "denied", "done", "failed", "unknown"]
KEPT = 500  # runs whose steps are kept
_NEW_RUN = "INSERT OR IGNORE INTO agent_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_STEP = "REPLACE INTO agent_steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` and `sandbox` are what it has spent of its limits; `starts` counts the starts since its last step.
    Times are in nanoseconds since 1970; `trace` is the id of its trace; `outcome` says why it ended."""

    number: int
    agent: str
    model: str
    task: str
    trace: str
    begun: int
    seconds: float = 0.0
    sandbox: float = 0.0
    starts: int = 0
    ended: int | None = None
    outcome: str | None = None
    answer: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is the model or the tool; `parent` the answer of the model that called the tool, as `call`. `given` are
    the arguments, `came` what came of it: the messages that were sent and answered, or the tool's text. Of a chat,
    `read`, `cached` and `written` are tokens."""

    number: int
    kind: StepKind
    name: str
    parent: int | None = None
    call: str = ""
    state: StepState = "begun"
    begun: int = 0
    ended: int | None = None
    given: Any = None
    came: Any = None
    read: int = 0
    cached: int = 0
    written: int = 0

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else (self.ended - self.begun) / 1e9

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": self.seconds}


class Journal:
    """The runs of one home. `clock` gives nanoseconds since 1970."""

    def __init__(self, home: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._home = home
        self._clock = clock

    def open_run(self, number: int, agent: str, model: str, task: str) -> Run:
        """The run of that number, as far as it came; a new one where there is none. Counts as a start."""
        with state.opened(self._home) as db, state.writing(db):
            new = Run(number, agent, model, task, secrets.token_hex(16), self._clock())
            db.execute(_NEW_RUN, list(new.as_json().values()))
            db.execute("UPDATE agent_runs SET starts = starts + 1 WHERE number = ?", [number])
            db.execute("DELETE FROM agent_steps WHERE run <= (SELECT max(number) FROM agent_runs) - ?", [KEPT])
        return self.find(number)

    def find(self, number: int) -> Run:
        """Raises NoSuchRun."""
        with state.opened(self._home) as db:
            row = db.execute("SELECT * FROM agent_runs WHERE number = ?", [number]).fetchone()
        if row is None:
            raise NoSuchRun(f"There is no run {number} of an agent.", "See: tinderbox agent runs")
        return Run(*row)

    def runs(self) -> list[Run]:
        """All of them, the oldest first."""
        with state.opened(self._home) as db:
            return [Run(*row) for row in db.execute("SELECT * FROM agent_runs ORDER BY number")]

    def steps(self, run: int) -> list[Step]:
        with state.opened(self._home) as db:
            rows = db.execute("SELECT * FROM agent_steps WHERE run = ? ORDER BY number", [run])
            return [_step(row) for row in rows]

    def begin(self, run: int, kind: StepKind, name: str, *, synced: bool = True, **about: Any) -> Step:
        """A new step, under the next number. What is not `synced` outlives any process, and not the power: for what may
        be done again."""
        with _writing(self._home, synced=synced) as db:
            last = db.execute("SELECT coalesce(max(number), 0) FROM agent_steps WHERE run = ?", [run]).fetchone()[0]
            step = Step(last + 1, kind, name, begun=self._clock(), **about)
            _write(db, run, step)
        return step

    def put(self, run: int, step: Step) -> Step:
        with _writing(self._home, synced=True) as db:
            _write(db, run, step)
        return step

    def end(self, run: int, step: Step, state_: StepState, came: Any, **counts: Any) -> Step:
        """What came of it; from here on it is done, whatever ends the process. Where the power fails just then, it is
        as if it had been broken off."""
        ended = replace(step, state=state_, came=came, ended=self._clock(), **counts)
        with _writing(self._home, synced=False) as db:
            _write(db, run, ended)
            db.execute("UPDATE agent_runs SET starts = 0 WHERE number = ?", [run])
        return ended

    def spend(self, run: int, seconds: float, sandbox: float) -> None:
        """What it has spent of its limits, in all."""
        with state.opened(self._home) as db:
            db.execute("UPDATE agent_runs SET seconds = ?, sandbox = ? WHERE number = ?", [seconds, sandbox, run])

    def close_run(self, run: int, outcome: str, answer: str | None) -> Run:
        with state.opened(self._home) as db:
            values = [outcome, answer, self._clock(), run]
            db.execute("UPDATE agent_runs SET outcome = ?, answer = ?, ended = ? WHERE number = ?", values)
        return self.find(run)

    def reopen(self, run: int) -> None:
        """It goes on: how it ended before is no more."""
        with state.opened(self._home) as db:
            db.execute("UPDATE agent_runs SET outcome = NULL, ended = NULL WHERE number = ?", [run])


def waiting_step(steps: list[Step]) -> Step | None:
    """The call that waits for a person's word."""
    return next((step for step in steps if step.state == "asked"), None)


def messages_of(steps: list[Step]) -> list[Mapping[str, Any]]:
    """All that was said to the model and by it, in order."""
    return [message for step in steps if step.kind == "chat" and step.state == "done" for message in step.came]


@contextmanager
def _writing(home: Path, *, synced: bool) -> Iterator[sqlite3.Connection]:
    """`synced`, it is on the disk when the block ends, with all that was written before."""
    with state.opened(home) as db:
        if synced:
            db.execute("PRAGMA synchronous = FULL")
        with state.writing(db):
            yield db


def _write(db: sqlite3.Connection, run: int, step: Step) -> None:
    values = asdict(step) | {"given": json.dumps(step.given), "came": json.dumps(step.came)}
    db.execute(_PUT_STEP, [run, *values.values()])


def _step(row: tuple[Any, ...]) -> Step:
    _, number, kind, name, parent, call, state_, begun, ended, given, came, *tokens = row
    given, came = json.loads(given), json.loads(came)
    return Step(number, kind, name, parent, call, state_, begun, ended, given, came, *tokens)

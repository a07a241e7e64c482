"""`Runs`: what agents do and did on this box, each run a job of the kind `agent` and its rows in the Journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinderbox.agents.definition import Definition, names, read_definition
from tinderbox.agents.journal import Journal, Run, Step, waiting_step
from tinderbox.agents.trace import spans_of
from tinderbox.agents.work import KIND
from tinderbox.errors import Conflict, NoSuchRun, WrongUsage
from tinderbox.jobs.job import Job
from tinderbox.jobs.runner import Runner

_LOOK_EVERY = 0.2  # seconds between looks for steps while somebody follows
_ENDING = 20.0  # seconds that the process of a run that rests has to end
_DENIED = "A person has refused this call."


class Runs:
    """Those of one home, carried out by `runner`."""

    def __init__(self, home: Path, runner: Runner) -> None:
        self._home = home
        self._runner = runner
        self._journal = Journal(home)

    def agents(self) -> list[tuple[str, Definition | WrongUsage]]:
        """Each by its name, or what is wrong with its file."""
        return [(name, self._read(name)) for name in names(self._home)]

    def agent(self, name: str) -> Definition:
        return read_definition(self._home, name)

    async def start(self, agent: str, task: str, before: Sequence[Mapping[str, Any]] = ()) -> Job:
        arguments: dict[str, Any] = {"agent": agent, "task": task}
        return await self._runner.submit(KIND, arguments | ({"before": list(before)} if before else {}))

    def all(self) -> list[dict[str, Any]]:
        """The oldest first."""
        known = {run.number: run for run in self._journal.runs()}
        return [_as_json(job, known.get(job.number)) for job in self._runner.jobs() if job.kind == KIND]

    def find(self, number: int) -> Job:
        """Raises NoSuchRun."""
        job = self._runner.find(number)
        if job.kind != KIND:
            raise NoSuchRun(f"Job {number} is no run of an agent.", "See: tinderbox agent runs")
        return job

    def show(self, number: int) -> dict[str, Any]:
        """The run and its steps, without what the model was sent."""
        job, run = self.find(number), self._run(number)
        steps = [_step_json(step) for step in self._journal.steps(number)]
        return _as_json(job, run) | {"steps": steps}

    def spans(self, number: int) -> list[dict[str, Any]]:
        """Its trace; empty while it has not begun."""
        self.find(number)
        run = self._run(number)
        return spans_of(run, self._journal.steps(number)) if run else []

    async def decide(self, number: int, *, allow: bool, why: str = "") -> Job:
        """A person's word on what the run waits for; it goes on. Raises Conflict where it waits for none."""
        self.find(number)
        step = waiting_step(self._journal.steps(number))
        if step is None:
            raise Conflict(f"Run {number} waits for nobody's word.", f"See: tinderbox agent show {number}")
        if allow:
            self._journal.put(number, replace(step, state="allowed"))
        else:
            self._journal.end(number, step, "denied", f"{_DENIED} {why}".strip())
        return await self._go_on(number)

    async def follow(self, number: int, stopping: Callable[[], bool]) -> AsyncIterator[dict[str, Any]]:
        """The run each time that something has changed, until it is over or waits for a person."""
        told: dict[str, Any] = {}
        while True:
            shown = await asyncio.to_thread(self.show, number)
            if shown != told:
                told = shown
                yield shown
            if shown["state"] in ("done", "failed", "stopped", "resting") or stopping():
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def stop(self, number: int) -> Job:
        self.find(number)
        return await self._runner.stop(number)

    async def _go_on(self, number: int) -> Job:
        """Once the process that asked has ended. One that was stopped meanwhile stays so."""
        for _ in range(int(_ENDING / _LOOK_EVERY)):
            if self._runner.find(number).state != "running":
                break
            await asyncio.sleep(_LOOK_EVERY)
        job = self._runner.find(number)
        return self._runner.resume(number) if job.state == "resting" else job

    def _run(self, number: int) -> Run | None:
        try:
            return self._journal.find(number)
        except NoSuchRun:
            return None

    def _read(self, name: str) -> Definition | WrongUsage:
        try:
            return read_definition(self._home, name)
        except WrongUsage as error:
            return error


def _as_json(job: Job, run: Run | None) -> dict[str, Any]:
    about = {"number": job.number, "agent": job.arguments["agent"], "task": job.arguments["task"], "state": job.state}
    begun = {"model": run and run.model, "answer": run and run.answer, "outcome": run and run.outcome}
    spent = {"seconds": round(run.seconds, 3) if run else 0.0, "trace": run and run.trace}
    times = {name: value for name, value in job.as_json().items() if name in ("created", "started", "ended")}
    return about | begun | spent | times | {"message": job.message, "error": job.error}


def _step_json(step: Step) -> dict[str, Any]:
    """Of a chat, what the model said; of a call, what was asked and told."""
    shown = step.as_json()
    if step.kind == "chat" and isinstance(step.came, list):
        shown["came"] = step.came[-1].get("parts") if step.came else None
    return shown

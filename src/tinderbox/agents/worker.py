"""The process of a run: `python -m tinderbox.agents.worker`, with its orders on standard input (jobs/process.py)."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinderbox.agents.definition import Definition, read_definition
from tinderbox.agents.desk import Desk, make_desk
from tinderbox.agents.journal import Journal, Run, Step
from tinderbox.agents.outside import Outside
from tinderbox.agents.sandbox import available
from tinderbox.agents.steps import Resting, Steps, question
from tinderbox.agents.tools import make_tools
from tinderbox.agents.window import told_of
from tinderbox.errors import LimitReached, TinderboxError

_INDICES = "indices"  # in the home: what search tools know of documents
_LEAST_SANDBOX = 0.001  # seconds: what a run has whose code has used up its time


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    with _alone(Path(orders["folder"])):
        status = asyncio.run(_attend(orders))
    sys.stdout.flush()
    os._exit(status)  # a tool that goes on in a thread must not hold up the end


def _say(**words: object) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201  (how a job's process speaks)


async def _attend(orders: Mapping[str, Any]) -> int:
    """The run to its end, its rest, or until the box wants the memory: then to the end of what a tool does."""
    home = Path(orders["home"])
    journal = Journal(home)
    agent = read_definition(home, orders["agent"])
    run = journal.open_run(orders["number"], agent.name, agent.model, orders["task"])
    journal.reopen(run.number)
    try:
        return await _to_the_end(orders, agent, run, journal)
    except Exception as error:  # noqa: BLE001  (whatever it was, the run must not seem to go on)
        journal.close_run(run.number, "limit" if isinstance(error, LimitReached) else "failed", None)
        _say(error=str(error) if isinstance(error, TinderboxError) else f"{type(error).__name__}: {error}")
        return 1


async def _to_the_end(orders: Mapping[str, Any], agent: Definition, run: Run, journal: Journal) -> int:
    desk = _desk(agent, run, Path(orders["folder"]), told_of(orders["context"]))
    steps = Steps(run, journal, agent.limits, desk, tell=lambda step: _say(message=_words(step)))
    going = asyncio.create_task(_go(orders, agent, run, steps, desk))
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    left = asyncio.create_task(leaving.wait())
    seconds = agent.limits.seconds - run.seconds
    await asyncio.wait([going, left], timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    if not going.done():
        if not leaving.is_set():
            raise LimitReached(f"The run has taken the {agent.limits.seconds:g} s that it may, without an answer.")
        while steps.acting.is_set():  # noqa: ASYNC110  (the box's patience ends it)
            await asyncio.sleep(0.01)
        steps.spend()
        return 1
    try:
        answer = going.result()
    except Resting as rest:
        steps.spend()
        _say(rests=question(rest.step))
        return 0
    ended = journal.close_run(run.number, "answered", answer)
    _say(result={"answer": answer, "steps": steps.answers, "tokens": steps.tokens, "seconds": round(ended.seconds, 1)})
    return 0


async def _go(orders: Mapping[str, Any], agent: Definition, run: Run, steps: Steps, desk: Desk) -> str:
    from tinderbox.agents.asking import Box
    from tinderbox.agents.loop import go

    sandbox = await asyncio.to_thread(available)
    async with Box(orders["address"], orders["secret"], orders.get("certificate")) as box:
        outside = Outside(Path(orders["home"]) / _INDICES, box.embed)
        with outside.closing:
            tools = make_tools(agent, desk, sandbox=sandbox, outside=outside)
            return await go(agent, run, steps, tools, box, orders)


def _desk(agent: Definition, run: Run, folder: Path, told: int) -> Desk:
    left = max(_LEAST_SANDBOX, agent.limits.sandbox_seconds - run.sandbox)
    return make_desk(folder / "scratch", agent.folders, replace(agent.limits, sandbox_seconds=left), told)


def _words(step: Step) -> str:
    return f"step {step.number}: {step.name} ({step.state})"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Until a process of the same run that is about to end has ended."""
    with (folder / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(BrokenPipeError):
            yield


if __name__ == "__main__":
    main()

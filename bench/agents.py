"""Thirty errands, each run by an agent of the box and by the bare loop of pydantic-ai, on the same model and tools.

`python -m bench.agents [NAME ...]` runs those errands alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.conftest import CACHE
from tests.journeys.running import Running, running

from bench.errand_world import lay_world
from bench.errands import Errand, errands
from bench.figure import Result
from bench.report import report, this_run
from tinderbox.agents.arguments import read_arguments
from tinderbox.agents.definition import file_of, parse
from tinderbox.agents.desk import make_desk
from tinderbox.agents.tools import make_tools
from tinderbox.client import Client
from tinderbox.environments.capability import capability
from tinderbox.environments.environment import find
from tinderbox.environments.make import add
from tinderbox.errors import BadRequest
from tinderbox.models.download import pull
from tinderbox.models.store import Store

MODEL = "qwen2.5-coder:1.5b"
_CONTEXT = "16384"
_PATIENCE = 900  # seconds of an errand


@dataclass(frozen=True, slots=True)
class Tried:
    """One errand, done by one loop. `tokens` are all that the model was sent and wrote."""

    solved: bool
    tokens: int
    steps: Sequence[Mapping[str, Any]] = ()
    valid: Sequence[bool] = ()


def measure_agents(chosen: Sequence[Errand]) -> list[Result]:
    pull(Store(CACHE), MODEL)
    add(CACHE, capability("agents"), report=lambda step: None)
    with running(CACHE, "--context", _CONTEXT, "--parallel", "1", "--model", MODEL) as box:
        pairs = [
            (_told(errand, "box", _with_the_box(box, errand)), _told(errand, "bare", _bare(box, errand)))
            for errand in chosen
        ]
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    rate, bare = _rate(ours), _rate(theirs)
    spent = sum(tried.tokens for tried in ours) / max(1, sum(tried.tokens for tried in theirs))
    valid = [fine for tried in ours for fine in tried.valid]
    return [
        Result(f"errands that an agent solves with {MODEL}", "", 0.7, "at least", (rate,)),
        Result("errands solved, less those that the bare loop solves", "", 0.01, "at least", (rate - bare,)),
        Result("tokens of the errands, against the bare loop", "x", 1, "at most", (spent,)),
        Result("calls whose arguments validate", "", 1, "at least", (sum(valid) / max(1, len(valid)),)),
        Result("of what was there before, read again at a step", "", 0.05, "at most", tuple(_read_again(ours))),
        Result("the loop's own time between two steps", "ms", 20, "at most", tuple(_between(ours))),
    ]  # fmt: skip


def _told(errand: Errand, loop: str, tried: Tried) -> Tried:
    print(f"{errand.name:<10} {loop:<5} {'solved' if tried.solved else '-':<7} {tried.tokens} tokens", flush=True)
    return tried


def _with_the_box(box: Running, errand: Errand) -> Tried:
    with tempfile.TemporaryDirectory() as folder, Client(box.address) as client:
        place = Path(folder)
        lay_world(place)
        file = file_of(box.home, f"errand-{errand.name}")
        file.parent.mkdir(exist_ok=True)
        file.write_text(errand.agent(place, MODEL))
        number = client.run(file.stem, errand.task)["number"]
        *_, shown = client.follow_run(number)
        file.unlink()
        steps = shown["steps"]
        valid = list(_validity(errand, place, steps))
        return Tried(errand.solved(place, shown["answer"] or ""), sum(map(_tokens, steps)), steps, valid)


def _validity(errand: Errand, place: Path, steps: Sequence[Mapping[str, Any]]) -> Iterator[bool]:
    agent = parse(errand.agent(place, MODEL), errand.name, place / "agent.toml", place / "home")
    tools = {
        tool.name: tool for tool in make_tools(agent, make_desk(place / "s", agent.folders, agent.limits), sandbox=True)
    }
    for step in steps:
        if step["kind"] == "tool":
            try:
                read_arguments(step["given"], tools[step["name"]].parameters)
            except (BadRequest, KeyError):
                yield False
            else:
                yield True


def _bare(box: Running, errand: Errand) -> Tried:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        lay_world(place)
        orders = {
            "place": folder,
            "agent": errand.agent(place, MODEL),
            "task": errand.task,
            "url": f"{box.address}/v1",
            "key": "none",
        }
        python = str(find(box.home, "agents").python)
        done = subprocess.run(
            [python, str(Path(__file__).with_name("bare_agent.py"))],
            input=json.dumps(orders) + "\n",
            env=os.environ | {"PYTHONPATH": "src"},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        said = json.loads(done.stdout.splitlines()[-1])
        return Tried(errand.solved(place, said["answer"]), said["read"] + said["written"])


def _rate(tried: Sequence[Tried]) -> float:
    return sum(one.solved for one in tried) / len(tried)


def _tokens(step: Mapping[str, Any]) -> int:
    return int(step["read"] + step["cached"] + step["written"])


def _read_again(tried: Sequence[Tried]) -> Iterator[float]:
    """For each answer but a run's first: the share of what was there before that was not taken from the cache."""
    for one in tried:
        answers = [step for step in one.steps if step["kind"] == "chat" and step["state"] == "done"]
        for before, step in pairwise(answers):
            there = before["read"] + before["cached"]
            yield max(0, there - step["cached"]) / there


def _between(tried: Sequence[Tried]) -> Iterator[float]:
    for one in tried:
        for before, step in pairwise(one.steps):
            if before["ended"]:
                yield (step["begun"] - before["ended"]) / 1e6


def main() -> None:
    names = sys.argv[1:]
    results = measure_agents([errand for errand in errands() if not names or errand.name in names])
    report(results, this_run())


if __name__ == "__main__":
    main()

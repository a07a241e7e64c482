"""What a saved cache is worth: the next turn of a long conversation after its model left, against reading it again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.journeys.running import STARTER, furnish, tinderbox

from bench.figure import Result, paired_ratios
from bench.serving import started
from bench.stream import Endpoint, ask
from tinderbox.engines.caches import FOLDER

FACTS = 220  # some 2,000 tokens
ROOM = ["--context", "4096", "--parallel", "2"]


async def measure_returning(starter: Path, rounds: int) -> list[Result]:
    """From question to first token, the load included: restored after a stop, after a restart, and not at all."""
    times = [await _round(starter, number) for number in range(rounds)]
    stopped, restarted, again = zip(*times, strict=True)
    return [
        _gain("after its model was stopped", again, stopped),
        _gain("after the box was restarted", again, restarted),
    ]


async def _round(starter: Path, number: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        home = furnish(Path(folder), starter)
        async with started(home, ROOM) as (box, _):
            await ask(box, _turn(number))
            stopped = await _after_stop(home, box, _turn(number, "Kept.", "Which is the first?"))
        async with started(home, ROOM) as (box, _):
            restarted = (await ask(box, _turn(number, "Kept.", "Which is the second?"))).first
            tinderbox(home, "stop", STARTER)
            shutil.rmtree(home / FOLDER)
            again = (await ask(box, _turn(number, "Kept.", "Which is the third?"))).first
    return stopped, restarted, again


async def _after_stop(home: Path, box: Endpoint, body: dict[str, Any]) -> float:
    tinderbox(home, "stop", STARTER)
    return (await ask(box, body)).first


def _turn(number: int, *further: str) -> dict[str, Any]:
    facts = ", ".join(f"fact {count} of {number} is {count * 7}" for count in range(FACTS))
    said = [f"Keep these: {facts}.", *further]
    roles = ("user", "assistant", "user")
    messages = [{"role": role, "content": words} for role, words in zip(roles, said, strict=False)]
    return {"model": STARTER, "messages": messages, "max_tokens": 2, "temperature": 0, "ignore_eos": True}


def _gain(when: str, again: tuple[float, ...], restored: tuple[float, ...]) -> Result:
    return Result(f"the next turn {when}, against reading it again", "x", 5, "at least", paired_ratios(again, restored))

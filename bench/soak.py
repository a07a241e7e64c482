"""`python -m bench.soak [--minutes 60] [--seed 1]`: a day of asks.

Twelve models of several sizes on a memory that holds a third of them, people who ask without a pause, jobs beside them,
and somebody else's program that takes memory and gives it back. What must never happen is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from tests.conftest import CACHE
from tests.journeys.running import STARTER, Running, running

from bench.figure import Result
from bench.hog import hog_about
from bench.people import Asked, People
from bench.report import report, this_run
from bench.small_machine import SmallMachine, small_machine
from bench.swapping import OTHER, prepare
from bench.witness import Witness
from tinderbox.client import Client, find_box
from tinderbox.daemon import predicted_memory
from tinderbox.engines.engine import Settings
from tinderbox.memory.decisions import KEPT, Decision, read_decisions
from tinderbox.memory.pressure import reserve_of
from tinderbox.models.download import pull
from tinderbox.models.store import Store
from tinderbox.units import MB, Bytes, format_bytes

SHELF = CACHE.with_name("tinderbox-soak")
MADE = {STARTER: ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0"), OTHER: ("f16", "q8_0", "q5_k_m", "q4_0")}
JOBS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("quantise", {"model": STARTER, "type": "q3_k_m", "requantise": True}),
    ("bench", {"model": f"{STARTER}-q8_0", "depths": "0,256", "prompt": 128, "reply": 16}),
    ("quantise", {"model": OTHER, "type": "q4_1", "requantise": True}),
)
PEOPLE = 6
SPARE, HOG = 400 * MB, 800 * MB  # what the machine has beyond the box's capacity and the reserve; what the hog takes
LEFT = ("evicted", "yielded", "closed", "ended")
DUSK = 600.0  # seconds after the last question in which the jobs have to end


def main() -> None:
    parser = argparse.ArgumentParser(description="A day of asks.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    about = this_run() | {"minutes": asked.minutes, "seed": asked.seed}
    shelf = fill_shelf()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        capacity = furnish(home, shelf) // 3
        total = capacity + SPARE
        total += reserve_of(total + reserve_of(total))
        with small_machine(total) as machine, running(home, "--memory", str(capacity)) as box:
            day = asyncio.run(live(box, [name for name, _ in shelf], asked.minutes * 60, Random(asked.seed)))
            results, facts = judge(*day, machine, home)
    about |= {"capacity": format_bytes(capacity), "machine's memory": format_bytes(total)}
    report(results, about | facts, "soak-")


def fill_shelf() -> list[tuple[str, Path]]:
    """Twelve models: two from the catalogue, and ten made of them by the box's own quantiser, once."""
    store = Store(SHELF)
    for base in MADE:
        pull(store, base)
    there = {model.name for model in store.models()}
    wanted = [(base, kind) for base, kinds in MADE.items() for kind in kinds if f"{base}-{kind}" not in there]
    if wanted:
        with running(SHELF), find_box(SHELF) as box:
            for base, kind in wanted:
                print(f"making {base}-{kind} ...", flush=True)
                _finished(box, box.submit("quantise", {"model": base, "type": kind, "requantise": True})["number"])
    names = set(MADE) | {f"{base}-{kind}" for base, kinds in MADE.items() for kind in kinds}
    return [(model.name, model.path) for model in store.models() if model.name in names]


def furnish(home: Path, shelf: Sequence[tuple[str, Path]]) -> Bytes:
    """A home with these models, none of whose files is in the memory yet: what is read of them is the small machine's
    own. Returns what all of them take together at the journeys' context."""
    store, size = Store(home), 0
    for name, path in shelf:
        stored = store.add_file(path, name)
        prepare(stored.path, cold=True)
        settings = Settings(name, stored.path, context=1024, parallel=2, threads=1, ubatch=256)
        size += predicted_memory(home, settings, stored.card())
    (home / "config.toml").write_text('caches = "1GB"\n')
    return size


async def live(box: Running, models: list[str], seconds: float, random: Random) -> tuple[Witness, People, list[Any]]:
    """One day; the jobs are handed in over its first half."""
    random.shuffle(models)
    witness = Witness(box.address, box.pid)
    people = People(box.address, models, witness.is_loaded, random)
    watching = asyncio.create_task(witness.watch())
    async with AsyncExitStack() as day:
        await day.enter_async_context(hog_about(HOG, random))
        living = asyncio.create_task(people.live(PEOPLE))
        numbers = []
        for kind, order in JOBS:
            await asyncio.sleep(seconds / 8)
            numbers.append((await asyncio.to_thread(_submit, box.home, kind, order))["number"])
        await asyncio.sleep(seconds * (1 - len(JOBS) / 8))
        people.over.set()
        await living
    jobs = [await asyncio.to_thread(_ended, box.home, number) for number in numbers]
    watching.cancel()
    return witness, people, jobs


def judge(
    witness: Witness, people: People, jobs: list[dict[str, Any]], machine: SmallMachine | None, home: Path
) -> tuple[list[Result], dict[str, Any]]:
    """The bars, and what else there is to know of the day."""
    decisions = read_decisions(home, limit=KEPT)
    ends = Counter(asked.end for asked in people.asked)
    stayed = max(1, len(people.asked) - ends["left"])
    results = [
        Result("of the capacity that leases held, at most", "x", 1, "at most", (witness.most,)),
        Result("of the capacity that processes held, at most", "x", 1, "at most", (witness.held,)),
        Result("of its grant that a process held, at most", "x", 1.03, "at most", (witness.grown,)),
        _none("questions without an answer or a refusal in time", ends["frozen"]),
        _none("answers that were cut", ends["cut"]),
        _none("questions that failed", ends["failed"]),
        Result(
            "questions that were answered, of those that stayed", "x", 0.95, "at least", (ends["answered"] / stayed,)
        ),
        _none("processes that the kernel ended for want of memory", machine.killed() if machine else 0),
        _none("tenants that we ended for want of memory", sum(one.what == "ended" for one in decisions)),
        _none("jobs that were not done", sum(job["state"] != "done" for job in jobs)),
    ]
    return results, _about(people.asked) | _about_memory(witness, decisions)


def _about(asked: Sequence[Asked]) -> dict[str, Any]:
    return {
        "questions": Counter(one.end for one in asked),
        "first token, loaded (s)": _spread([one for one in asked if one.loaded]),
        "first token, after a load (s)": _spread([one for one in asked if not one.loaded]),
        "refused": Counter(one.words[:160] for one in asked if one.end == "refused"),
        "went wrong": [asdict(one) for one in asked if one.end in ("cut", "failed", "frozen")],
    }


def _about_memory(witness: Witness, decisions: Sequence[Decision]) -> dict[str, Any]:
    return {
        "samples": witness.samples,
        "levels": witness.levels,
        "others held at most": format_bytes(witness.others),
        "who held most of its grant": witness.who,
        "decided": Counter(one.what for one in decisions),
        "why they left": Counter(_reason(one) for one in decisions if one.what in LEFT),
    }


def _reason(decision: Decision) -> str:
    return f"{decision.what} {' '.join(decision.reason.split()[:3])}"


def _none(what: str, count: int) -> Result:
    return Result(what, "", 0, "at most", (count,))


def _spread(asked: Sequence[Asked]) -> dict[str, float]:
    firsts = [one.first for one in asked if one.first is not None]
    if len(firsts) < 2:
        return {}
    cuts = quantiles(firsts, n=20, method="inclusive")
    return {"count": len(firsts), "p50": round(cuts[9], 2), "p95": round(cuts[18], 2), "most": round(max(firsts), 2)}


def _submit(home: Path, kind: str, order: dict[str, Any]) -> dict[str, Any]:
    with find_box(home) as box:
        return box.submit(kind, order)


def _ended(home: Path, number: int) -> dict[str, Any]:
    with find_box(home) as box:
        return _finished(box, number)


def _finished(box: Client, number: int) -> dict[str, Any]:
    """The job when it has ended, or as it is after DUSK."""
    deadline = time.monotonic() + DUSK
    while (job := box.job(number))["state"] not in ("done", "failed", "stopped") and time.monotonic() < deadline:
        time.sleep(0.5)
    return job


if __name__ == "__main__":
    main()

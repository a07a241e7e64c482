"""`bench`: how fast a model really is on this machine, beside what was predicted and what the machine allows."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.box import absolute_if_file
from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import Config, read_config
from tinderbox.errors import BoxNotRunning, EngineFailed
from tinderbox.jobs.kinds import DEPTHS, PROMPT, REPLY, longest, read_depths
from tinderbox.units import Figure, short

if TYPE_CHECKING:
    from tinderbox.client import Client
    from tinderbox.learning import Timings
    from tinderbox.machine.machine import Machine
    from tinderbox.models.card import Card
    from tinderbox.models.store import Store, Stored
    from tinderbox.plan.calibration import Calibration
    from tinderbox.plan.speed import Speed

FIRST_TOKEN = 256  # of the vocabulary: what comes before are often control tokens and single bytes
BUSY = 1.75  # of the load that our own threads make
Ask = Callable[[dict[str, Any]], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Point:
    """One depth: what the engine's clock said, and the speeds predicted for just that."""

    timings: Timings
    prefill: Speed
    decode: Speed

    @property
    def depth(self) -> int:
        """The mean depth of the tokens that were generated."""
        return self.timings.cached + self.timings.read + self.timings.generated // 2


@click.command(epilog="Example: tinderbox bench smollm2:135m --depths 0,1024 --plot speed.svg")
@click.argument("model")
@click.option("--depths", default=DEPTHS, show_default=True, help="Tokens in the cache before each measurement.")
@click.option("--prompt", type=click.IntRange(1), default=PROMPT, show_default=True, help="Tokens read at each depth.")
@click.option("--reply", type=click.IntRange(1), default=REPLY, show_default=True, help="Tokens generated at each.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw measured beside predicted into this .svg file.")
@click.option("--job", is_flag=True, help="Let the box do it beside its models, giving way to people.")
@click.option("--as-job", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def bench(model: str, depths: str, plot: Path | None, job: bool, as_job: bool, as_json: bool, **lengths: int) -> None:
    """Measure prefill and decode of MODEL over depths, and set them beside what was predicted.

    It asks the running box if there is one, else an engine of its own. What it measures teaches later plans.
    """
    if job:
        from tinderbox.cli.jobs import submit

        submit("bench", {"model": absolute_if_file(model), "depths": depths, **lengths}, wait=False, as_json=as_json)
        return
    config = read_config()
    stored = _store(config).find(model)
    story = _Story.of_job() if as_job else _Story()
    box = None if as_job else _running(config)
    points = _points(config, stored, box, (read_depths(depths), lengths["prompt"], lengths["reply"]), story)
    if plot is not None:
        plot.write_text(draw(stored.name, points))
    if as_job:
        story.end(as_object(stored.name, points))
    click.echo(json.dumps(as_object(stored.name, points)) if as_json else describe(stored.name, points))


@dataclass(slots=True)
class _Story:
    """The rows measured so far; as a job, each is told to the box as it comes, and those it hands back are not
    measured again."""

    rows: list[Timings] = field(default_factory=list)
    is_told: bool = False

    @staticmethod
    def of_job() -> _Story:
        import signal
        import sys

        from tinderbox.learning import Timings

        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the engine is ended before us
        kept = json.loads(sys.stdin.readline())["kept"] or []
        return _Story([Timings(**row) for row in kept], is_told=True)

    def add(self, row: Timings, of: int) -> None:
        self.rows.append(row)
        if self.is_told:
            rows = [asdict(row) for row in self.rows]
            share, message = len(rows) / of, f"{len(rows)} of {of} depths"
            click.echo(json.dumps({"progress": share, "message": message, "kept": rows}))

    def end(self, result: dict[str, Any]) -> None:
        click.echo(json.dumps({"result": result}))


def _store(config: Config) -> Store:
    from tinderbox.models.store import Store

    return Store(config.home)


def _points(
    config: Config, stored: Stored, box: Client | None, wanted: tuple[list[int], int, int], story: _Story
) -> list[Point]:
    """Measure, and learn from it, unless the box does or it steps back for others, which slows it down."""
    from tinderbox.learning import learn_runs, runs_of
    from tinderbox.planning import Planner

    planner = Planner(config.home)
    machine, learnt = planner.machine(None), planner.learnt(None).calibration  # before these runs teach better
    asyncio.run(_measure(config, stored, box, wanted, story))
    points = [_beside(stored.card(), machine, learnt, one) for one in story.rows]
    if box is None and not story.is_told:
        learn_runs(config.home, [run for one in story.rows for run in runs_of(stored.card(), machine, one)])
    if (load := os.getloadavg()[0]) > BUSY * (os.cpu_count() or 1):
        click.echo(
            f"Other programs used the processor meanwhile (load {load:.1f}); measure again when it is quiet.", err=True
        )
    return points


async def _measure(
    config: Config, stored: Stored, box: Client | None, wanted: tuple[list[int], int, int], story: _Story
) -> None:
    depths, *lengths = wanted
    card = stored.card()
    context = longest(stored.name, card, depths, (lengths[0], lengths[1]))
    async with _engine(config, stored, box, context) as ask:
        for depth in depths[len(story.rows) :]:
            row = await _at_depth(ask, stored.name, card.vocabulary, depth, (lengths[0], lengths[1]))
            story.add(row, of=len(depths))


async def _at_depth(ask: Ask, name: str, vocabulary: int, depth: int, lengths: tuple[int, int]) -> Timings:
    """Read so many tokens into the cache; then time the prompt on top of them, and the reply."""
    from tinderbox.serve.relay import read_timings

    prompt, reply = lengths
    words = _tokens(depth + prompt, vocabulary)
    body = {"model": name, "temperature": 0, "ignore_eos": True, "cache_prompt": depth > 0}
    if depth:
        await ask(body | {"prompt": words[:depth], "max_tokens": 1})
    else:
        await ask(body | {"prompt": words[:16], "max_tokens": 2})  # a first answer warms up what later ones find warm
    said = await ask(body | {"prompt": words, "max_tokens": reply})
    timings = read_timings(name, said, alone=True)
    if timings is None:
        raise EngineFailed(f"{name} gave no timings: {said[:200].decode(errors='replace')}")
    return timings


def _tokens(count: int, vocabulary: int) -> list[int]:
    """Words drawn from the whole vocabulary in an order that repeats itself only after all of them."""
    span = max(1, vocabulary - FIRST_TOKEN - 1)
    return [FIRST_TOKEN + (7919 * index + 17) % span if span > 1 else 0 for index in range(count)]


def _running(config: Config) -> Client | None:
    """The box that runs on this home, if one does."""
    if not (config.home / "box.json").exists():
        return None
    from tinderbox.client import find_box

    box = find_box(config.home)
    try:
        box.ps()
    except BoxNotRunning:
        return None
    return box


@asynccontextmanager
async def _engine(config: Config, stored: Stored, box: Client | None, context: int) -> AsyncIterator[Ask]:
    if box is not None:

        async def through_box(body: dict[str, Any]) -> bytes:
            return json.dumps(box.complete(body)).encode()

        yield through_box
        return
    async with _own_engine(config, stored, context) as ask:
        yield ask


@asynccontextmanager
async def _own_engine(config: Config, stored: Stored, context: int) -> AsyncIterator[Ask]:
    """An engine for this measurement alone, admitted like any other model."""
    from tinderbox.daemon import physical_cores, predicted_memory
    from tinderbox.engines.engine import Settings
    from tinderbox.engines.llamacpp import LlamaCpp
    from tinderbox.memory import admit

    settings = Settings(stored.name, stored.path, context, 1, config.threads or physical_cores())
    admit(stored.name, predicted_memory(config.home, settings, stored.card()), config.memory)
    with tempfile.TemporaryDirectory(prefix="tinderbox-") as folder:
        engine = LlamaCpp(settings, Path(folder), Path(folder) / "engine.log")
        await engine.load()

        async def ask(body: dict[str, Any]) -> bytes:
            reply = await engine.reply("/v1/completions", json.dumps(body).encode())
            try:
                return b"".join([piece async for piece in reply.body])
            finally:
                reply.close()

        try:
            yield ask
        finally:
            await engine.close()


def _beside(card: Card, machine: Machine, learnt: Calibration, timings: Timings) -> Point:
    from tinderbox.learning import sharpened
    from tinderbox.plan.settings import Settings
    from tinderbox.plan.speed import predict

    before = timings.cached + timings.read
    settings = Settings(context=before + timings.generated, depth=timings.cached, prompt=timings.read)
    later = replace(settings, depth=before + timings.generated // 2)
    prefill, decode = (predict(card, machine, one, sharpened(learnt, card, one)) for one in (settings, later))
    return Point(timings, prefill, decode)


def as_object(name: str, points: list[Point]) -> dict[str, Any]:
    """What `--json` prints: speeds in tokens a second, depths in tokens."""
    return {
        "model": name,
        "box": "this",
        "engine": "llama.cpp",
        "points": [
            {
                "depth": one.timings.cached,
                "prompt": one.timings.read,
                "prefill": _as_object(one.timings.read_per_second, one.prefill.prefill),
                "decode": _as_object(one.timings.generated_per_second, one.decode.decode),
                "decode_limit_tokens_per_s": one.decode.decode_limit,
            }
            for one in points
        ],
    }


def _as_object(measured: float, predicted: Figure | None) -> dict[str, Any]:
    return {"measured": measured, "predicted": asdict(predicted) if predicted else None}


def describe(name: str, points: list[Point]) -> str:
    rows = [
        (
            str(one.timings.cached),
            *_row(one.timings.read_per_second, one.prefill.prefill),
            *_row(one.timings.generated_per_second, one.decode.decode),
            short(one.decode.decode_limit) if one.decode.decode_limit else "?",
        )
        for one in points
    ]
    head = ("DEPTH", "PREFILL", "PREDICTED", "OFF", "DECODE", "PREDICTED", "OFF", "LIMIT")
    table = format_table(head, rows, right=frozenset(range(len(head))))
    return f"{printable(name)} on this machine, tokens/s measured beside predicted:\n\n{table}"


def _row(measured: float, predicted: Figure | None) -> tuple[str, str, str]:
    if predicted is None:
        return short(measured), "?", "?"
    return short(measured), short(predicted.value), f"{predicted.value / measured - 1:+.0%}"


def draw(name: str, points: list[Point]) -> str:
    from tinderbox.plan.picture import Line, picture

    measured = [(one.depth, Figure(one.timings.generated_per_second, "measured")) for one in points]
    predicted = [(one.depth, one.decode.decode) for one in points if one.decode.decode]
    limits = [(one.depth, Figure(one.decode.decode_limit, "stated")) for one in points if one.decode.decode_limit]
    lines = [
        Line("decode, measured", "#0f766e", tuple(measured)),
        Line("predicted, 80 %", "#c2410c", tuple(predicted)),
        Line("limit of the memory", "#6b7280", tuple(limits)),
    ]
    return picture(f"{name} on this machine", {}, None, lines)

"""`machine` and `boxes`: what this machine is, and which others can be planned for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.units import Figure, format_bytes

if TYPE_CHECKING:
    from tinderbox.machine.machine import Machine
    from tinderbox.plan.compare import Comparison

_UNKNOWN = "?"


@click.command(epilog="Example: tinderbox machine --measure")
@click.option("--measure", is_flag=True, help="Measure memory and disk (some seconds), and keep the figures for plans.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def machine(measure: bool, as_json: bool) -> None:
    """Say what this machine is: memory, bandwidth, compute, graphics, disk; each figure measured or stated."""
    home = home_folder()
    if measure:
        _measure(home)
    from tinderbox.learning import read_learnt
    from tinderbox.machine.probe import probe
    from tinderbox.planning import with_figures

    found = with_figures(probe(), read_learnt(home).figures)
    click.echo(json.dumps(found.as_json()) if as_json else "\n".join(_describe(found)))


def _measure(home: Any) -> None:
    from tinderbox.learning import keep_figures
    from tinderbox.machine.measure import measure
    from tinderbox.machine.probe import probe

    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    measured = asdict(measure(probe(), home))
    keep_figures(home, {name: Figure(**figure) for name, figure in measured.items() if figure is not None})


def _describe(found: Machine) -> Iterator[str]:
    yield printable(found.name)
    for pool in found.pools:
        free = "" if pool.available is None else f", {format_bytes(pool.available)} available now"
        yield f"  memory      {format_bytes(pool.total)} {pool.name} ({found.memory_kind}){free}"
    yield f"  bandwidth   {_rate(found.bandwidth) or 'not known; --measure measures it'}"
    processor = found.processor
    cores = f"{processor.cores or _UNKNOWN} cores, {processor.threads or _UNKNOWN} threads"
    yield f"  processor   {printable(processor.name or _UNKNOWN)}: {cores} {' '.join(processor.features)}".rstrip()
    for gpu in found.gpus:
        own = f", {format_bytes(gpu.memory)} of its own" if gpu.memory else ""
        yield f"  graphics    {printable(gpu.name)}{own}{f', driver {gpu.driver}' if gpu.driver else ''}"
    for number, figure in found.compute.items():
        yield f"  {number:<11} {figure.value / 1e12:.3g} TFLOPS ({figure.source})"
    yield f"  disk        {_rate(found.disk_read) or 'not measured; --measure measures it'}"


def _rate(figure: Figure | None) -> str | None:
    if figure is None:
        return None
    return f"{format_bytes(int(figure.value))}/s ({figure.source})"


@click.group(
    invoke_without_command=True, epilog="Example: tinderbox boxes; tinderbox boxes compare gpt-oss-120b --context 32768"
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def boxes(ctx: click.Context, as_json: bool) -> None:
    """List the boxes that can be planned for, with memory, bandwidth, power, mass and price; or compare them."""
    if ctx.invoked_subcommand is not None:
        return
    from tinderbox.machine.catalogue import boxes as every_box

    found = every_box()
    if as_json:
        click.echo(json.dumps([box.as_json() for box in found]))
        return
    head = ("BOX", "NAME", "MEMORY", "BANDWIDTH", "POWER", "MASS", "PRICE")
    click.echo(format_table(head, [_row(box) for box in found], right=frozenset({2, 3, 4, 5, 6})))
    click.echo("\nPrices are in US dollars; --json has the sources of each box.")


def _row(box: Machine) -> tuple[str, ...]:
    return (
        box.id,
        f"{box.maker} {box.name}" if box.maker else box.name,
        format_bytes(box.pool.total),
        f"{box.bandwidth.value / 1e9:.0f} GB/s" if box.bandwidth else _UNKNOWN,
        f"{box.power:g} W" if box.power else _UNKNOWN,
        f"{box.mass:g} kg" if box.mass else _UNKNOWN,
        f"{box.price.typical:,.0f}" if box.price.typical else _UNKNOWN,
    )


@boxes.command(epilog="Example: tinderbox boxes compare gpt-oss-120b --context 32768")
@click.argument("model")
@click.option("--engine", help="llama.cpp, vllm, sglang, trtllm or mlx.  [default: llama.cpp]")
@click.option("--quant", help="For a config.json or a well-known model, like Q4_K_M or FP8.")
@click.option("--context", type=int, help="Tokens of context for all sequences.  [default: 8192 or the model's]")
@click.option("--depth", type=int, help="Tokens already in the cache.  [default: 0]")
@click.option("--parallel", type=int, help="Sequences at once; they share the context.  [default: 1]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def compare(model: str, as_json: bool, **options: Any) -> None:
    """Set the boxes side by side for MODEL: the fastest that fit first."""
    from tinderbox.cli.plan import read_question
    from tinderbox.machine.catalogue import boxes as every_box
    from tinderbox.plan.compare import compare as compare_boxes
    from tinderbox.plan.settings import Backend
    from tinderbox.planning import Planner, settings_for

    question = read_question(options | {"model": model})
    card = Planner(home_folder()).model(question).card
    found = compare_boxes(card, every_box(), settings_for(card, question, Backend.CUDA))
    if as_json:
        click.echo(json.dumps([_comparison_as_json(one) for one in found]))
        return
    head = ("BOX", "FITS", "DECODE", "PREFILL", "TOKENS/J", "$ PER TOKEN/S")
    click.echo(format_table(head, [_compared(one) for one in found], right=frozenset({2, 3, 4, 5})))
    click.echo(f"\n{printable(card.name)}, {printable(card.quantisation)}: speeds in tokens/s, with the 80 % interval.")


def _comparison_as_json(one: Comparison) -> dict[str, Any]:
    speed = one.speed
    return {
        "box": one.machine.id,
        "name": one.machine.name,
        "memory": one.memory,
        "capacity": one.machine.capacity,
        "fits": one.fits,
        "decode_tokens_per_s": asdict(speed.decode) if speed.decode else None,
        "prefill_tokens_per_s": asdict(speed.prefill) if speed.prefill else None,
        "tokens_per_joule": one.tokens_per_joule,
        "dollars_per_token_per_s": one.dollars_per_token_per_s,
    }


def _compared(one: Comparison) -> tuple[str, ...]:
    if not one.fits:
        return (one.machine.id, f"no, {format_bytes(one.memory)} needed", "", "", "", "")
    return (
        one.machine.id,
        "yes",
        _speed(one.speed.decode),
        _speed(one.speed.prefill),
        f"{one.tokens_per_joule:.2g}" if one.tokens_per_joule else _UNKNOWN,
        f"{one.dollars_per_token_per_s:.0f}" if one.dollars_per_token_per_s else _UNKNOWN,
    )


def _speed(figure: Figure | None) -> str:
    if figure is None:
        return _UNKNOWN
    return f"{figure.value:.4g} ({figure.low:.3g}-{figure.high:.3g})"

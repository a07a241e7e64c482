"""`ps`, `load`, `stop`, `pin`, `why`: who holds the memory, and the reasons."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from tinderbox.cli.box import absolute_if_file
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.units import format_bytes


@click.command(epilog="Example: tinderbox ps --json")
@click.option("--json", "as_json", is_flag=True, help="Print the pool, its leases and who waits as JSON.")
def ps(as_json: bool) -> None:
    """Show who holds the memory: each model and job, the rest of the machine, what is free, and who waits."""
    from tinderbox.client import find_box

    with find_box(home_folder()) as box:
        state = box.ps()
    if as_json:
        click.echo(json.dumps(state))
        return
    header = ("HOLDER", "STATE", "PREDICTED", "MEASURED", "CONTEXT", "SINCE")
    click.echo(format_table(header, [_row(lease) for lease in state["leases"]], right=frozenset({2, 3, 4})))
    for pool in state["pool"]:
        click.echo(f"\n{_describe(pool)}")
    for wish in state["waiting"]:
        until = f", until {_local(wish['deadline'])}" if wish["deadline"] else ""
        asked = f"{wish['holder']} waits for {format_bytes(wish['wanted'])} since {_local(wish['since'])}"
        click.echo(f"{wish['place']}. {asked}{until}")


@click.command(epilog="Example: tinderbox load smollm2:135m")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the lease as JSON.")
def load(model: str, as_json: bool) -> None:
    """Load MODEL, so that its first answer does not wait."""
    from tinderbox.client import find_box

    with find_box(home_folder()) as box:
        lease = box.load(absolute_if_file(model))
    click.echo(
        json.dumps(lease) if as_json else f"{lease['holder']} is ready, with {lease['context']} tokens of context."
    )


@click.command(epilog="Example: tinderbox stop smollm2:135m")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def stop(model: str, as_json: bool) -> None:
    """Unload MODEL once its running answers have ended, and give its memory back."""
    from tinderbox.client import find_box

    with find_box(home_folder()) as box:
        stopped = box.stop(absolute_if_file(model))
    click.echo(json.dumps(stopped) if as_json else f"{model} has left the memory.")


@click.command(epilog="Example: tinderbox pin qwen2.5-coder:0.5b")
@click.argument("model")
@click.option("--off", is_flag=True, help="Let it go again when its room is needed.")
@click.option("--json", "as_json", is_flag=True, help="Print the lease as JSON.")
def pin(model: str, off: bool, as_json: bool) -> None:
    """Keep MODEL in the memory, loaded now if it was not: it leaves for nobody, until the box stops or --off."""
    from tinderbox.client import find_box

    with find_box(home_folder()) as box:
        lease = box.pin(absolute_if_file(model), not off)
    told = "stays in the memory" if lease["pinned"] else "may leave when its room is needed"
    click.echo(json.dumps(lease) if as_json else f"{lease['holder']} {told}.")


@click.command(epilog="Example: tinderbox why qwen2.5-coder:0.5b")
@click.argument("holder", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many decisions.")
@click.option("--json", "as_json", is_flag=True, help="Print the decisions as JSON.")
def why(holder: str | None, limit: int, as_json: bool) -> None:
    """Say what was decided about the memory and why: of one HOLDER (a model, or a job like "run 7") or of all. Works
    without the box too."""
    from dataclasses import asdict

    from tinderbox.memory.decisions import read_decisions

    decisions = read_decisions(home_folder(), holder, limit)
    if as_json:
        told = [{**asdict(decision), "at": decision.at.isoformat()} for decision in decisions]
        click.echo(json.dumps({"decisions": told}))
        return
    if not decisions:
        click.echo(f"Nothing was decided about {holder} yet." if holder else "Nothing was decided yet.")
    for decision in decisions:
        size = f" {format_bytes(decision.size)}" if decision.size is not None else ""
        at = decision.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        reason = f": {decision.reason}" if decision.reason else ""
        click.echo(f"{at}  {decision.holder} {_SAID.get(decision.what, decision.what)}{size}{reason}")


_SAID = {
    "granted": "was granted",
    "waits": "waits",
    "refused": "was refused",
    "evicted": "left",
    "yielded": "yielded",
    "closed": "takes no more questions",
    "reopened": "takes questions again",
    "ended": "was ended",
}


def _row(lease: dict[str, Any]) -> tuple[str, ...]:
    marks = [lease["state"], *(["busy"] if lease["busy"] else []), *(["pinned"] if lease["pinned"] else [])]
    return (
        lease["holder"],
        ", ".join(marks),
        format_bytes(lease["predicted"]),
        "?" if lease["measured"] is None else format_bytes(lease["measured"]),
        "" if lease["context"] is None else str(lease["context"]),
        _local(lease["since"]),
    )


def _describe(pool: dict[str, Any]) -> str:
    parts = [
        f"{format_bytes(pool['capacity'])} {pool['name']} memory: {format_bytes(pool['used_by_us'])} ours",
        f"{format_bytes(pool['used_by_others'])} others'",
        f"{format_bytes(pool['free'])} free",
    ]
    if pool["page_cache"] is not None:
        parts.append(f"{format_bytes(pool['page_cache'])} page cache")
    if pool["level"] != "calm":
        parts.append(f"short of memory ({pool['level']})")
    return ", ".join(parts)


def _local(written: str) -> str:
    return datetime.fromisoformat(written).astimezone().strftime("%Y-%m-%d %H:%M:%S")

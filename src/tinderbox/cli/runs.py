"""`agent run|runs|trace|approve|resume`: agents at work, and a person's word where one is asked."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.errors import TinderboxError
from tinderbox.units import format_duration

if TYPE_CHECKING:
    from tinderbox.client import Client

_LONGEST = 160  # characters of a line about a step
_UNDER_WAY = ("begun", "allowed")


@click.command(epilog='Example: tinderbox agent run notes "What is planned for May?"')
@click.argument("name")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="Print the run with its steps as JSON when it ends or rests.")
def run(name: str, task: str, as_json: bool) -> None:
    """Have the agent NAME do a TASK; its steps are shown as they come. Ctrl-C stops it."""
    with _box() as box:
        started = box.run(name, task)
        ended = _attend(box, started["number"], quiet=as_json)
    _tell(ended, as_json)


@click.command(epilog="Example: tinderbox agent runs --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def runs(as_json: bool) -> None:
    """List the runs of agents, the oldest first."""
    with _box() as box:
        listed = box.runs()
    if as_json:
        click.echo(json.dumps(listed))
    elif not listed:
        click.echo("There are no runs. One begins with: tinderbox agent run NAME TASK")
    else:
        rows = [(str(r["number"]), r["agent"], r["state"], format_duration(r["seconds"]), _line(r)) for r in listed]
        click.echo(format_table(("RUN", "AGENT", "STATE", "TIME", "TASK"), rows, right=frozenset({0, 3})))


@click.command(epilog="Example: tinderbox agent trace 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the spans of OpenTelemetry as JSON.")
def trace(number: int, as_json: bool) -> None:
    """Show what a run did: each answer of the model and each call, with tokens and times."""
    with _box() as box:
        shown, spans = box.show_run(number), box.spans(number)
    if as_json:
        click.echo(json.dumps(spans))
        return
    click.echo(_head(shown, spans))
    steps = shown["steps"]
    for place, step in enumerate(steps):
        click.echo(f"{'└─' if place + 1 == len(steps) else '├─'} {_trace_line(step)}")


@click.command(epilog="Example: tinderbox agent approve 3 --deny --why 'Not in this folder.'")
@click.argument("number", type=int)
@click.option("--deny", is_flag=True, help="Refuse the call; the run goes on without it.")
@click.option("--why", default="", help="What the model is told with a refusal.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def approve(number: int, deny: bool, why: str, as_json: bool) -> None:
    """Allow the call that a run waits with."""
    with _box() as box:
        shown = box.decide(number, allow=not deny, why=why)
    said = f"Run {number} goes on {'without that call' if deny else 'with that call'}."
    click.echo(json.dumps(shown) if as_json else said)


@click.command(epilog="Example: tinderbox agent resume 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the run with its steps as JSON when it ends or rests.")
def resume(number: int, as_json: bool) -> None:
    """Go on with a run that was stopped or has failed; what it has done is not done again. Shows it as it goes."""
    with _box() as box:
        if box.show_run(number)["state"] in ("stopped", "failed"):
            box.resume_job(number)
        ended = _attend(box, number, quiet=as_json)
    _tell(ended, as_json)


def show_run(number: int, as_json: bool) -> None:
    """One run: how it stands, what it was asked, and its answer."""
    with _box() as box:
        shown = box.show_run(number)
    if as_json:
        click.echo(json.dumps(shown))
        return
    facts = {
        "run": f"{number}, {shown['state']}",
        "agent": shown["agent"],
        "task": shown["task"],
        "time": format_duration(shown["seconds"]),
        "waits": shown["message"] if shown["state"] == "resting" else "",
        "error": shown["error"] or "",
    }
    click.echo("\n".join(f"{key:<9} {printable(value)}" for key, value in facts.items() if value))
    if shown["answer"]:
        click.echo(f"\n{printable(shown['answer'])}")


def _attend(box: Client, number: int, *, quiet: bool) -> dict[str, Any]:
    """Show the steps until the run is over; ask where a person is asked and one is there. Ctrl-C stops it."""
    told: dict[int, str] = {}
    try:
        while True:
            shown = {}
            for shown in box.follow_run(number):
                if not quiet:
                    _tell_steps(shown, told)
            if shown["state"] != "resting" or quiet or not sys.stdin.isatty():
                return shown
            _ask(box, shown)
    except KeyboardInterrupt:
        box.stop_job(number)
        raise


def _tell_steps(shown: dict[str, Any], told: dict[int, str]) -> None:
    for step in shown["steps"]:
        if step["state"] not in _UNDER_WAY and told.get(step["number"]) != step["state"]:
            told[step["number"]] = step["state"]
            click.echo(click.style(_trace_line(step), dim=True), err=True)


def _ask(box: Client, shown: dict[str, Any]) -> None:
    step = next(step for step in shown["steps"] if step["state"] == "asked")
    click.echo(f"{step['name']} {printable(json.dumps(step['given'], ensure_ascii=False, indent=2))}", err=True)
    allowed = click.confirm("May it do this?", default=False, err=True)
    why = "" if allowed else click.prompt("Why not (the model is told)", default="", show_default=False, err=True)
    box.decide(shown["number"], allow=allowed, why=why)


def _tell(ended: dict[str, Any], as_json: bool) -> None:
    """Raises TinderboxError where the run came to no answer."""
    number = ended["number"]
    if as_json:
        click.echo(json.dumps(ended))
    if ended["state"] in ("failed", "stopped"):
        why = ended["error"] or "somebody ended it."
        raise TinderboxError(f"Run {number} ended as {ended['state']}: {why}", f"See: tinderbox agent trace {number}")
    if as_json:
        return
    if ended["state"] == "resting":
        click.echo(f"Run {number} {printable(ended['message'])}\nSay so with: tinderbox agent approve {number}")
    elif ended["answer"] is not None:
        click.echo(printable(ended["answer"]))


def _head(shown: dict[str, Any], spans: list[dict[str, Any]]) -> str:
    used = spans[0]["attributes"] if spans else {}
    read, cached = used.get("gen_ai.usage.input_tokens", 0), used.get("gen_ai.usage.cache_read.input_tokens", 0)
    tokens = f"{read} tokens read ({cached} cached), {used.get('gen_ai.usage.output_tokens', 0)} written"
    state = shown["outcome"] or shown["state"]
    return f"run {shown['number']} of {shown['agent']}: {state}, {format_duration(shown['seconds'])}, {tokens}"


def _trace_line(step: dict[str, Any]) -> str:
    took = "" if step["seconds"] is None else f"  {format_duration(step['seconds'])}"
    if step["kind"] == "chat":
        tokens = f"  {step['read']} read, {step['cached']} cached, {step['written']} written"
        return f"{step['number']} {step['name']}{took}{tokens}{'' if step['state'] == 'done' else '  ' + step['state']}"
    given = printable(json.dumps(step["given"], ensure_ascii=False))[:_LONGEST]
    came = printable(str(step["came"] or "")).strip().split("\n", 1)[0][:_LONGEST]
    said = f" → {came}" if came else ""
    return (
        f"{step['number']} {step['name']} {given}{took}{said}{'' if step['state'] == 'done' else '  ' + step['state']}"
    )


def _line(shown: dict[str, Any]) -> str:
    return printable(shown["task"]).strip().split("\n", 1)[0][:60]


def _box() -> Any:
    from tinderbox.client import find_box

    return find_box(home_folder())

"""`jobs`, `quantise`: work that the box does beside its models."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from tinderbox.cli.box import absolute_if_file
from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.errors import TinderboxError
from tinderbox.units import format_bytes

_LOOK_EVERY = 0.5  # seconds between looks at a job that is waited for
_OVER = ("done", "failed", "stopped")


@click.group(epilog="Example: tinderbox jobs list")
def jobs() -> None:
    """List the jobs of the box, and look after them."""


@jobs.command("list", epilog="Example: tinderbox jobs list --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_jobs(as_json: bool) -> None:
    """List all jobs, the oldest first."""
    with _box() as box:
        listed = box.jobs()
    if as_json:
        click.echo(json.dumps(listed))
    elif not listed:
        click.echo("There are no jobs. One begins with: tinderbox quantise MODEL TYPE")
    else:
        rows = [(str(job["number"]), _title(job), job["state"], _share(job), _note(job)) for job in listed]
        click.echo(format_table(("JOB", "WORK", "STATE", "DONE", ""), rows, right=frozenset({0, 3})))


@jobs.command(epilog="Example: tinderbox jobs show 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(number: int, as_json: bool) -> None:
    """Say what a job is, how far it is, and what came of it; of a run that learns, its curves."""
    from tinderbox.cli.curves import draw

    with _box() as box:
        job, curves = box.job(number), box.job_metrics(number)
    if as_json:
        click.echo(json.dumps({**job, "metrics": curves}))
        return
    facts = {
        "job": f"{job['number']}, {job['state']}",
        "work": _title(job),
        "asked for": ", ".join(f"{key} {value}" for key, value in job["arguments"].items() if value is not None),
        "memory": f"{format_bytes(job['predicted'])} predicted",
        "done": _share(job),
        "message": job["message"],
        "created": _time(job["created"]),
        "started": _time(job["started"]),
        "ended": _time(job["ended"]),
        "result": json.dumps(job["result"]) if job["result"] is not None else "",
        "error": job["error"] or "",
    }
    click.echo("\n".join(f"{key:<10} {printable(value)}" for key, value in facts.items() if value))
    for name, curve in curves.items():
        click.echo(f"\n{draw(name, curve)}")


@jobs.command(epilog="Example: tinderbox jobs compare 3 5")
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="NUMBER...")
@click.option("--json", "as_json", is_flag=True, help="Print the curves of each as JSON.")
def compare(numbers: tuple[int, ...], as_json: bool) -> None:
    """Set the curves of several jobs side by side."""
    from tinderbox.cli.curves import compare as side_by_side

    with _box() as box:
        runs = {number: box.job_metrics(number) for number in numbers}
    if as_json:
        click.echo(json.dumps(runs))
    elif not any(runs.values()):
        click.echo("None of them has curves: they have measured nothing yet, or are of a kind that does not.")
    else:
        click.echo(side_by_side(runs))


@jobs.command(epilog="Example: tinderbox jobs export 3 curves")
@click.argument("number", type=int)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the file's path as JSON.")
def export(number: int, folder: Path, as_json: bool) -> None:
    """Write a job's curves into FOLDER for TensorBoard, each job in a folder of its own."""
    from datetime import datetime

    from tinderbox.jobs.tensorboard import write_events

    with _box() as box:
        job, curves = box.job(number), box.job_metrics(number)
    begun = datetime.fromisoformat(job["started"] or job["created"]).timestamp()
    file = write_events(folder / f"run-{number}", curves, begun)
    click.echo(
        json.dumps({"file": str(file)}) if as_json else f"{file}  Look at it with: tensorboard --logdir {folder}"
    )


@jobs.command(epilog="Example: tinderbox jobs logs 3 --follow")
@click.argument("number", type=int)
@click.option("--follow", is_flag=True, help="Go on until the job ends.")
def logs(number: int, follow: bool) -> None:
    """Print what a job's process wrote."""
    with _box() as box:
        for text in box.job_log(number, follow=follow):
            click.echo(printable(text), nl=False)


@jobs.command(epilog="Example: tinderbox jobs stop 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def stop(number: int, as_json: bool) -> None:
    """End a job. What it has kept is there if it is resumed."""
    with _box() as box:
        job = box.stop_job(number)
    click.echo(json.dumps(job) if as_json else f"Job {number} is {job['state']}.")


@jobs.command(epilog="Example: tinderbox jobs resume 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def resume(number: int, as_json: bool) -> None:
    """Go on with a job that was stopped or has failed."""
    with _box() as box:
        job = box.resume_job(number)
    click.echo(json.dumps(job) if as_json else f"Job {number} is {job['state']}.")


@jobs.command(epilog="Example: tinderbox jobs rm 3")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def rm(number: int, as_json: bool) -> None:
    """Forget a job that has ended, with its log and what it has kept."""
    with _box() as box:
        removed = box.forget_job(number)
    click.echo(json.dumps(removed) if as_json else f"Job {number} is forgotten.")


@click.command(epilog="Example: tinderbox quantise qwen3:0.6b-f16 q4_k_m --wait")
@click.argument("model")
@click.argument("type", metavar="TYPE")
@click.option("--name", help="What the new model is called.  [default: MODEL's name and the type]")
@click.option("--requantise", is_flag=True, help="Take a model that is quantised already; it loses more that way.")
@click.option("--wait", is_flag=True, help="Return when it is done.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def quantise(model: str, type: str, name: str | None, requantise: bool, wait: bool, as_json: bool) -> None:
    """Make MODEL smaller: a new model in the store, of TYPE (q8_0, q4_k_m ...), made by a job of the box."""
    arguments = {"model": absolute_if_file(model), "type": type, "name": name, "requantise": requantise}
    submit("quantise", arguments, wait=wait, as_json=as_json)


def submit(kind: str, arguments: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    """Hand a job to the box and say which it is, or wait for its end. Raises what the box has against it."""
    with _box() as box:
        job = box.submit(kind, arguments)
        while wait and job["state"] not in _OVER:
            time.sleep(_LOOK_EVERY)
            job = box.job(job["number"])
    if job["state"] in ("failed", "stopped"):
        what = f"Job {job['number']} ended as {job['state']}: {job['error'] or 'somebody ended it.'}"
        raise TinderboxError(what, f"See: tinderbox jobs logs {job['number']}")
    if as_json:
        click.echo(json.dumps(job))
    elif job["state"] == "done":
        click.echo(f"Job {job['number']} is done: {_note(job)}")
    else:
        click.echo(f"Job {job['number']} is {job['state']}. See: tinderbox jobs show {job['number']}")


def _box() -> Any:
    from tinderbox.client import find_box

    return find_box(home_folder())


def _title(job: dict[str, Any]) -> str:
    arguments = job["arguments"]
    return " ".join(
        printable(str(word)) for word in (job["kind"], arguments.get("model"), arguments.get("type")) if word
    )


def _share(job: dict[str, Any]) -> str:
    return "" if job["progress"] is None else f"{job['progress']:.0%}"


def _note(job: dict[str, Any]) -> str:
    if job["state"] == "done" and isinstance(job["result"], dict) and "size" in job["result"]:
        return f"{job['result']['model']}, {format_bytes(job['result']['size'])}"
    return printable(job["error"] or job["message"])


def _time(text: str | None) -> str:
    return (text or "")[:19].replace("T", " ")

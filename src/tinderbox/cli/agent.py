"""`agent`: agents are small files; here they are written, listed and shown, and put to work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinderbox.cli import runs
from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.errors import Conflict, WrongUsage
from tinderbox.units import format_bytes, format_duration

if TYPE_CHECKING:
    from tinderbox.agents.definition import Definition


@click.group(epilog="Example: tinderbox agent new notes")
def agent() -> None:
    """Write, list and show agents, and put them to work."""


for command in (runs.run, runs.runs, runs.trace, runs.approve, runs.resume):
    agent.add_command(command)


@agent.command(epilog="Example: tinderbox agent new notes")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the file's path as JSON.")
def new(name: str, as_json: bool) -> None:
    """Write a commented file for an agent called NAME; edit it as you like."""
    from tinderbox.agents.definition import file_of
    from tinderbox.agents.template import TEMPLATE

    file = file_of(home_folder(), name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with file.open("x") as opened:
            opened.write(TEMPLATE.replace("NAME", name))
    except FileExistsError as error:
        raise Conflict(f"There is an agent '{name}' already: {file}.", "Edit it, or take another name.") from error
    click.echo(json.dumps({"name": name, "file": str(file)}) if as_json else str(file))


@agent.command(epilog="Example: tinderbox agent ls --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(as_json: bool) -> None:
    """List the agents; of a file that is wrong, what is wrong with it."""
    from tinderbox.agents.definition import names

    listed = [(name, _read(home_folder(), name)) for name in names(home_folder())]
    if as_json:
        click.echo(json.dumps([_entry(name, found) for name, found in listed]))
    elif not listed:
        click.echo("There are no agents. Write one with: tinderbox agent new NAME")
    else:
        click.echo(format_table(("NAME", "MODEL", "TOOLS"), [_row(name, found) for name, found in listed]))


@agent.command(epilog="Example: tinderbox agent show notes")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(name: str, as_json: bool) -> None:
    """Say what an agent is, what it may use, and what asks you first; of a run's number, how it stands."""
    from tinderbox.agents.definition import names, read_definition

    if name.isdecimal() and name not in names(home_folder()):
        runs.show_run(int(name), as_json)
        return
    found = read_definition(home_folder(), name)
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    limits = found.limits
    facts = {
        "agent": f"{found.name} ({found.file})",
        "model": found.model,
        "folders": ", ".join(f"{f.name} = {f.path} ({'write' if f.write else 'read'})" for f in found.folders),
        "tools": ", ".join(
            tool.name if tool.name == tool.kind else f"{tool.name} ({tool.kind})" for tool in found.tools
        ),
        "approval": ", ".join(found.approval) or "nothing asks",
        "limits": f"{limits.steps} steps, {limits.tokens} tokens, {format_duration(limits.seconds)}; its code "
        f"{format_bytes(limits.memory)}, {format_duration(limits.sandbox_seconds)}",
    }
    click.echo("\n".join(f"{key:<9} {printable(value)}" for key, value in facts.items() if value))
    click.echo(f"\n{printable(found.instructions.strip())}")


def _read(home: Path, name: str) -> Definition | WrongUsage:
    from tinderbox.agents.definition import read_definition

    try:
        return read_definition(home, name)
    except WrongUsage as error:
        return error


def _entry(name: str, found: Definition | WrongUsage) -> dict[str, object]:
    return {"name": name, "error": str(found)} if isinstance(found, WrongUsage) else found.as_json()


def _row(name: str, found: Definition | WrongUsage) -> tuple[str, str, str]:
    if isinstance(found, WrongUsage):
        return name, "-", f"wrong: {printable(found.what)}"
    return name, printable(found.model), ", ".join(tool.name for tool in found.tools)

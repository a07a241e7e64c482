"""`add`: capabilities that need heavy libraries, each in an environment of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.table import format_table
from tinderbox.config import home_folder
from tinderbox.errors import WrongUsage
from tinderbox.units import format_bytes

if TYPE_CHECKING:
    from tinderbox.environments.capability import Capability
    from tinderbox.environments.make import Step


@click.command(epilog="Example: tinderbox add agents")
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List what can be added, and what has been.")
@click.option("--remove", "removing", is_flag=True, help="Take NAME's environment away again.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def add(name: str | None, listing: bool, removing: bool, as_json: bool) -> None:
    """Add NAME to the box: the libraries it needs, in a Python environment of its own under TINDERBOX_HOME.

    Versions and checksums are those that this release was tried with. Broken off, it goes on where it stopped.
    """
    if listing == (name is not None) or (listing and removing):
        raise WrongUsage("Name one thing to add, or say --list.", "Example: tinderbox add agents")
    if name is None:
        _list(as_json)
    elif removing:
        _remove(name, as_json)
    else:
        _add(name, as_json)


def _add(name: str, as_json: bool) -> None:
    from tinderbox.audit import noting_here
    from tinderbox.environments.capability import capability
    from tinderbox.environments.make import add as make

    wanted, home = capability(name), home_folder()
    line = _Line(visible=sys.stderr.isatty() and not as_json)
    with noting_here(home, "capability added", name):
        try:
            made = make(home, wanted, line.show).made
        finally:
            line.end()
    if as_json:
        click.echo(json.dumps(_describe(home, wanted)))
    else:
        size = format_bytes(made.size)
        click.echo(f"{name} is here: {made.packages} packages for Python {made.python}, {size}.")


def _remove(name: str, as_json: bool) -> None:
    from tinderbox.audit import noting_here
    from tinderbox.environments.capability import capability
    from tinderbox.environments.make import remove

    wanted = capability(name)
    with noting_here(home_folder(), "capability removed", name):
        freed = remove(home_folder(), wanted)
    if as_json:
        click.echo(json.dumps({"removed": name, "freed": freed}))
    else:
        click.echo(f"{name} is gone: {format_bytes(freed)} freed.")


def _list(as_json: bool) -> None:
    from tinderbox.environments.capability import CAPABILITIES

    listed = [_describe(home_folder(), one) for one in CAPABILITIES]
    if as_json:
        click.echo(json.dumps(listed))
        return
    rows = [
        (one["name"], one["state"], format_bytes(one["size"] or one["installed"]), one["purpose"]) for one in listed
    ]
    click.echo(format_table(("NAME", "STATE", "SIZE", "TO"), rows, right=frozenset({2})))


def _describe(home: Path, wanted: Capability) -> dict[str, Any]:
    """`size` is what it takes now (null: it is not there), `installed` about what it will."""
    from tinderbox.environments.environment import look_up

    found = look_up(home, wanted)
    state = "not added" if found is None else "stale" if found.stale else "added"
    return {
        "name": wanted.name,
        "state": state,
        "purpose": wanted.purpose,
        "python": wanted.python if found is None else found.made.python,
        "packages": None if found is None else found.made.packages,
        "size": None if found is None else found.made.size,
        "download": wanted.download,
        "installed": wanted.installed,
        "folder": None if found is None else str(found.folder),
    }


class _Line:
    """A line on the terminal that says how far it is."""

    def __init__(self, visible: bool) -> None:
        self._visible = visible
        self._drawn = False

    def show(self, step: Step) -> None:
        if not self._visible:
            return
        self._drawn = True
        share = step.done / step.count if step.count else 0
        filled = "█" * int(share * 30)
        came = f"{step.done} of {step.count} packages, {format_bytes(step.fetched)}" if step.fetched else ""
        click.echo(f"\r\x1b[2K{step.phase:<11} {filled:<30} {came}  {step.package}", nl=False, err=True)

    def end(self) -> None:
        if self._drawn:
            click.echo("", err=True)

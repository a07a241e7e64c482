"""`audit`: who did what, as the box and the commands beside it have written it down."""

from __future__ import annotations

import json

import click

from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder


@click.command(epilog="Example: tinderbox audit --limit 100")
@click.option("-n", "--limit", type=click.IntRange(1, 50_000), default=20, show_default=True, help="How many lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the lines as JSON.")
def audit(limit: int, as_json: bool) -> None:
    """Say who did what to keys, models, jobs and the box, and how it ended; the newest last. Works without the box
    too."""
    from tinderbox.audit import read_deeds

    deeds = read_deeds(home_folder(), limit)
    if as_json:
        click.echo(json.dumps({"deeds": [deed.as_json() for deed in deeds]}))
    elif not deeds:
        click.echo("Nothing was done yet.")
    else:
        rows = [
            (f"{deed.at.astimezone():%Y-%m-%d %H:%M:%S}", *map(_cell, (deed.who, deed.what, deed.target, deed.outcome)))
            for deed in deeds
        ]
        click.echo(format_table(("WHEN", "WHO", "WHAT", "TO", "OUTCOME"), rows))


def _cell(text: str) -> str:
    """One line, whatever name a client made up."""
    return " ".join(printable(text).split())

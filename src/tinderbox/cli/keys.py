"""`key`: who else may use the box. Keys are made and revoked in the state, whether a box runs or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tinderbox.cli.table import format_table
from tinderbox.config import home_folder

if TYPE_CHECKING:
    from tinderbox.keys import Key


@click.group(epilog="Example: tinderbox key create laptop --scope chat,models --expires 30d")
def key() -> None:
    """Make, list and revoke keys: who else may use the box."""


@key.command(epilog="Example: tinderbox key create laptop --scope chat --requests-per-minute 60")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=["chat"],
    show_default=True,
    help="Any of chat, models, jobs, metrics, admin; several with commas, or said again.",
)
@click.option("--expires", metavar="SPAN", help="When it ends by itself, like 12h, 30d or 4w.  [default: never]")
@click.option("--requests-per-minute", type=click.IntRange(1), help="How many requests it may make a minute.")
@click.option("--tokens-per-day", type=click.IntRange(1), help="How many tokens it may read and write a day (UTC).")
@click.option("--at-once", type=click.IntRange(1), help="How many of its requests may be answered at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
def create(name: str, scopes: tuple[str, ...], expires: str | None, as_json: bool, **limits: int | None) -> None:
    """Make a key called NAME. It is shown this once: only a hash of it is kept."""
    from tinderbox.audit import noting_here
    from tinderbox.keys import Limits, add_key, make_key, read_duration

    wanted = [word.strip() for word in ",".join(scopes).split(",") if word.strip()]
    lasts = read_duration(expires) if expires else None
    made, text = make_key(name, wanted, Limits(**limits), lasts=lasts)
    with noting_here(home_folder(), "key created", f"{name} ({','.join(sorted(made.scopes))})"):
        add_key(home_folder(), made)
    if as_json:
        click.echo(json.dumps(made.as_json(datetime.now(UTC)) | {"key": text}))
    else:
        click.echo(text)
        click.echo("Keep it now: it cannot be shown again. From now on the box wants a key from everybody.", err=True)


@key.command("list", epilog="Example: tinderbox key list --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_keys(as_json: bool) -> None:
    """List the keys, the revoked and expired ones too."""
    from tinderbox.keys import read_keys

    now = datetime.now(UTC)
    keys = read_keys(home_folder())
    if as_json:
        click.echo(json.dumps([key.as_json(now) for key in keys]))
    elif not keys:
        click.echo("There is no key; on this machine none is needed. Make one with: tinderbox key create NAME")
    else:
        head = ("NAME", "STATE", "SCOPES", "EXPIRES (UTC)", "A MINUTE", "TOKENS A DAY", "AT ONCE")
        click.echo(format_table(head, [_row(key, now) for key in keys], right=frozenset({4, 5, 6})))


@key.command(epilog="Example: tinderbox key revoke laptop")
@click.argument("name")
@click.option("--forget", is_flag=True, help="Remove every trace of it; without any key, loopback needs none again.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def revoke(name: str, forget: bool, as_json: bool) -> None:
    """Revoke the key called NAME: from the next request on it opens nothing."""
    from tinderbox.audit import noting_here
    from tinderbox.keys import revoke_key

    with noting_here(home_folder(), "key forgotten" if forget else "key revoked", name):
        revoke_key(home_folder(), name, forget=forget)
    click.echo(json.dumps({"revoked": name}) if as_json else f"The key {name} opens nothing any more.")


def _row(key: Key, now: datetime) -> tuple[str, ...]:
    limits = (key.limits.requests_per_minute, key.limits.tokens_per_day, key.limits.at_once)
    expires = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "never"
    counts = ("-" if limit is None else str(limit) for limit in limits)
    return key.name, key.state(now), ",".join(sorted(key.scopes)), expires, *counts

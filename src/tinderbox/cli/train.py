"""`train`: models that learn from a person's own data, as jobs of the box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tinderbox.cli.jobs import submit
from tinderbox.cli.printable import printable
from tinderbox.config import home_folder
from tinderbox.errors import WrongUsage
from tinderbox.units import format_bytes


@click.group(epilog="Example: tinderbox train language --model smollm2:135m --data facts.jsonl --name facts")
def train() -> None:
    """Fine-tune a stored model on your own data, as a job."""


@train.command(epilog="Example: tinderbox train language --model smollm2:135m --data facts.jsonl --name facts --wait")
@click.option("--recipe", type=click.Path(path_type=Path), help="A TOML file that says all of this; options win.")
@click.option("--model", help="A model of the store.")
@click.option("--data", help="A file of JSON lines, or a folder of such.")
@click.option("--name", help="The result is called MODEL+NAME.")
@click.option("--method", help="lora, qlora, full or dpo.  [default: lora]")
@click.option("--held-out", type=float, help="The share of the data that is only asked.  [default: 0.05]")
@click.option("--held-out-data", help="A file that is only asked.")
@click.option("--epochs", type=float, help="How often all of the data is learnt.  [default: 3]")
@click.option("--steps", type=int, help="Steps instead of epochs.")
@click.option("--batch", type=int, help="Examples a step.  [default: 8]")
@click.option("--rate", type=float, help="The learning rate.  [default: the method's]")
@click.option("--rank", type=int, help="Of the adapter.  [default: 16]")
@click.option("--length", type=int, help="Leave out examples with more tokens.  [default: the model's context]")
@click.option("--seed", type=int, help="Another run of the same.  [default: 0]")
@click.option("--merge", is_flag=True, default=None, help="Write the whole model too, in 16 bits.")
@click.option("--dry-run", is_flag=True, help="Check the data and say what the run would take.")
@click.option("--wait/--detach", default=False, help="Return when it is done, or at once.  [default: --detach]")
@click.option("--json", "as_json", is_flag=True, help="Print the job, or the dry run, as JSON.")
def language(recipe: Path | None, dry_run: bool, wait: bool, as_json: bool, **options: Any) -> None:
    """Teach a stored model from examples: chats, prompts with completions, texts, or preferences.

    What each line of the data may be, and all that a recipe has, stands in docs/train.md.
    """
    from tinderbox.train.recipe import read_recipe

    given = read_recipe(recipe) if recipe else {}
    given |= {key: value for key, value in options.items() if value is not None}
    for key in ("data", "held_out_data"):
        if given.get(key):
            given[key] = str(Path(given[key]).expanduser().absolute())
    for key in ("model", "data", "name"):
        if key not in given:
            raise WrongUsage(f"--{key} is missing.", "Say it, or name a file that does with --recipe.")
    if dry_run:
        _try_out(given, as_json=as_json)
    else:
        submit("train", {"task": "language", **given}, wait=wait, as_json=as_json)


def _try_out(given: dict[str, Any], *, as_json: bool) -> None:
    from tinderbox.models.store import Store
    from tinderbox.train.kind import try_out

    found = try_out(Store(home_folder()), 1, given)
    if as_json:
        click.echo(json.dumps(found))
        return
    prepared, recipe = found["prepared"], found["recipe"]
    facts = {
        "model": f"{recipe['model']}, {recipe['method']}",
        "learnt": _lengths(prepared["training"]),
        "held out": _lengths(prepared["held_out"]) if prepared["held_out"] else "nothing",
        "steps": f"{prepared['steps']} of {recipe['batch']} examples, in rows of at most {prepared['row']} tokens",
        "memory": f"{format_bytes(found['memory'])} predicted",
    }
    click.echo("\n".join(f"{key:<9} {printable(value)}" for key, value in facts.items()))
    for note in prepared["notes"]:
        click.echo(f"  · {printable(note)}")


def _lengths(told: dict[str, int]) -> str:
    return (
        f"{told['sequences']} sequences, {told['tokens']} tokens ({told['learnt']} of answers); "
        f"{told['shortest']} to {told['longest']} each, {told['median']} in the middle"
    )

"""`pull`, `ls`, `show`, `rm`: the store of models, with or without a running box."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.config import home_folder, read_config
from tinderbox.units import format_bytes, format_duration

if TYPE_CHECKING:
    from tinderbox.models.progress import Progress
    from tinderbox.models.store import Store, Stored


@click.command(epilog="Example: tinderbox pull smollm2:135m")
@click.argument("model")
@click.option("--as", "name", metavar="NAME", help="What a file is called in the store: mine:1b, or BASE+NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print the stored model as JSON.")
def pull(model: str, name: str | None, as_json: bool) -> None:
    """Download MODEL into the store; what came before an interruption is kept.

    MODEL is a name of the catalogue, hf:ORG/REPO[:FILE], a URL, or a path to a .gguf file. A file that holds an adapter
    (LoRA) is added with --as BASE+NAME, where BASE is a stored model.
    """
    from urllib.parse import urlsplit

    from tinderbox.audit import noting_here
    from tinderbox.models.download import pull as pull_model
    from tinderbox.models.reach import Reach, within
    from tinderbox.models.store import Store

    config = read_config()
    typed = urlsplit(model).hostname  # a redirect from there leads into no private network
    bar = _Bar(visible=sys.stderr.isatty() and not as_json)
    reach = Reach(own=(*config.allow_fetch, *([typed] if typed else [])))
    with noting_here(config.home, "model pulled", model), within(reach):
        store = Store(config.home)
        stored = _add(store, model, name) if name else pull_model(store, model, progress=bar.show)
    bar.end()
    if as_json:
        click.echo(_as_json(describe(stored)))
    else:
        what = f"an adapter of {stored.base.name}" if stored.base else stored.card().quantisation
        click.echo(f"{stored.name} is here: {format_bytes(stored.size)}, {what}.")


@click.command(epilog="Example: tinderbox ls --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(as_json: bool) -> None:
    """List the models in the store."""
    from tinderbox.models.store import Store

    models = Store(home_folder()).models()
    if as_json:
        click.echo(_as_json([_line(stored) for stored in models]))
    elif not models:
        click.echo("The store is empty. Fetch a small model with: tinderbox pull smollm2:135m")
    else:
        rows = [(m.name, format_bytes(m.size), f"{m.added.astimezone():%Y-%m-%d %H:%M}", m.source) for m in models]
        click.echo(format_table(("NAME", "SIZE", "ADDED", "SOURCE"), rows, right=frozenset({1})))


@click.command(epilog="Example: tinderbox show smollm2:135m")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(model: str, as_json: bool) -> None:
    """Say what MODEL is: its shape, quantisation, context, licence, template."""
    from tinderbox.models.store import Store

    stored = Store(home_folder()).find(model)
    if as_json:
        click.echo(_as_json(describe(stored)))
        return
    if stored.base is not None:
        click.echo(_lines(_adapter_facts(stored)))
        return
    card = stored.card()
    types = ", ".join(f"{kind} {format_bytes(size)}" for kind, size in card.types.items())
    active = "" if not card.experts else f" ({card.active_parameters / 1e9:.2f} B active)"
    facts = {
        "name": stored.name,
        "architecture": card.architecture,
        "parameters": f"{card.parameters / 1e9:.3f} B{active}",
        "layers": _layers(stored),
        "context": f"{card.context_length} tokens",
        "vocabulary": str(card.vocabulary),
        "quantisation": f"{card.quantisation} ({types})",
        "size": format_bytes(stored.size),
        "licence": stored.licence or card.licence or "not stated",
        "template": "in the file" if card.template else "none",
        "sha256": stored.sha256 or "not in the store",
        "file": str(stored.path),
    }
    click.echo(_lines(facts))


@click.command(epilog="Example: tinderbox rm smollm2:135m")
@click.argument("model")
@click.option("--with-adapters", is_flag=True, help="Remove its adapters too; without, a model that has any stays.")
@click.option("--json", "as_json", is_flag=True, help="Print what was freed as JSON.")
def rm(model: str, with_adapters: bool, as_json: bool) -> None:
    """Remove MODEL from the store, and the saved caches of its conversations. A loaded model is not removed."""
    from tinderbox.audit import noting_here
    from tinderbox.client import find_box
    from tinderbox.engines.caches import forget_removed
    from tinderbox.errors import BoxNotRunning
    from tinderbox.models.store import Store

    store = Store(home_folder())
    name = store.find(model).name
    try:
        with find_box(home_folder()) as box:
            freed = int(box.remove(name, with_adapters=with_adapters)["freed"])
    except BoxNotRunning:
        with noting_here(store.home, "model removed", name):
            freed = store.remove(name, with_adapters=with_adapters) + forget_removed(store)
    click.echo(
        _as_json({"removed": name, "freed": freed}) if as_json else f"{name} is gone: {format_bytes(freed)} freed."
    )


def describe(stored: Stored) -> dict[str, Any]:
    """All that is known of a stored model, without its hundreds of tensors."""
    card = asdict(stored.card())
    del card["tensors"], card["sums"]
    facts = stored.card()
    sums = {"parameters": facts.parameters, "active_parameters": facts.active_parameters, "types": facts.types}
    own = {"sha256": stored.sha256, "path": str(stored.path), "adapter": _adapter(stored)}
    return {**card, **_line(stored), **sums, **own}


def _add(store: Store, path: str, name: str) -> Stored:
    """A file of this machine under a name that the person chose."""
    from tinderbox.errors import WrongUsage
    from tinderbox.models.adapter import keep_adapter
    from tinderbox.models.name import AdapterName, FileName, parse

    file, wanted = parse(path), parse(name)
    if not isinstance(file, FileName):
        raise WrongUsage(f"{path} is no file; what is downloaded keeps its name.", "Leave out --as.")
    if isinstance(wanted, AdapterName):
        return keep_adapter(store, str(wanted.base), wanted.name, file.path, {})
    return store.add_file(file.path, name)


def _adapter(stored: Stored) -> dict[str, Any] | None:
    """What is known of an adapter; None for a model."""
    from tinderbox.models.adapter import facts_of

    own = stored.adapter()
    if own is None:
        return None
    shape = {"rank": own.rank, "alpha": own.alpha, "targets": own.targets, "parameters": own.parameters}
    return {**shape, "made": facts_of(stored)}


def _adapter_facts(stored: Stored) -> dict[str, str]:
    own = _adapter(stored) or {}
    made = ", ".join(f"{key} {value}" for key, value in own["made"].items())
    return {
        "name": stored.name,
        "base": stored.base.name if stored.base else "",
        "adapter": f"LoRA of rank {own['rank']}, alpha {own['alpha']:g}, in {', '.join(own['targets'])}",
        "parameters": f"{own['parameters'] / 1e6:.3f} M",
        "size": format_bytes(stored.size),
        "licence": stored.licence or "not stated",
        "made": made or "elsewhere",
        "sha256": stored.sha256 or "not in the store",
        "file": str(stored.path),
    }


def _lines(facts: dict[str, str]) -> str:
    return "\n".join(f"{key:<13} {printable(value)}" for key, value in facts.items())


def _line(stored: Stored) -> dict[str, Any]:
    base = {"base": stored.base.name} if stored.base else {}
    return {
        "name": stored.name,
        "size": stored.size,
        "added": stored.added.isoformat(),
        "source": stored.source,
        **base,
    }


def _layers(stored: Stored) -> str:
    kinds: dict[str, int] = {}
    for layer in stored.card().layers:
        kinds[layer.attention] = kinds.get(layer.attention, 0) + 1
    return f"{len(stored.card().layers)} (attention: {', '.join(f'{n} {kind}' for kind, n in kinds.items())})"


def _as_json(value: object) -> str:
    import json  # here: a list for a person starts faster without it

    return json.dumps(value)


class _Bar:
    """A line on the terminal that says how far a download is."""

    def __init__(self, visible: bool) -> None:
        self._visible = visible
        self._drawn = False

    def show(self, progress: Progress) -> None:
        if not self._visible:
            return
        self._drawn = True
        share = progress.done / progress.total if progress.total else 0
        left = format_duration(progress.seconds_left) if progress.seconds_left is not None else "?"
        filled = "█" * int(share * 30)
        line = (
            f"{progress.phase:<12} {filled:<30} {share:4.0%}  {format_bytes(progress.done)} of "
            f"{format_bytes(progress.total or 0)}  {format_bytes(int(progress.rate or 0))}/s  {left} left"
        )
        click.echo(f"\r\x1b[2K{line}", nl=False, err=True)

    def end(self) -> None:
        if self._drawn:
            click.echo("", err=True)

"""The catalogue of boxes: `boxes.toml`, read into `Machine` values."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tinderbox.errors import NotFound, did_you_mean
from tinderbox.machine.machine import Family, Gpu, Machine, MemoryKind, Pool, Price, Processor
from tinderbox.units import Figure

Entry = dict[str, Any]
# What a box that is `like` another says for itself or not at all.
_OWN = ("like", "name", "maker", "price", "power", "mass", "aliases", "reference", "count")


def boxes() -> tuple[Machine, ...]:
    """Every box of the catalogue, in its order, without those that are there only for their measurements."""
    entries = _entries()
    return tuple(_machine(key, entry, entries) for key, entry in entries.items() if not entry.get("reference"))


def find_box(name: str) -> Machine:
    """The box of that id or alias, `dgx-spark` or `gb10`. Raises NotFound with the nearest ids."""
    entries = _entries()
    wanted = name.strip().lower()
    for key, entry in entries.items():
        if wanted == key or wanted in entry.get("aliases", ()):
            return _machine(key, entry, entries)
    known = [*entries, *(alias for entry in entries.values() for alias in entry.get("aliases", ()))]
    hint = did_you_mean(wanted, known) or "`tinderbox boxes` lists them."
    raise NotFound(f"There is no box '{name}' in the catalogue.", hint)


@cache
def _entries() -> dict[str, Entry]:
    return tomllib.loads(Path(__file__).with_name("boxes.toml").read_text())


def _machine(key: str, entry: Entry, entries: dict[str, Entry]) -> Machine:
    if "like" in entry:
        base = {key: value for key, value in entries[entry["like"]].items() if key not in _OWN}
        entry = base | entry | {"sources": [*entry.get("sources", ()), *base.get("sources", ())]}
    kind = MemoryKind(entry["memory_kind"])
    card = kind is MemoryKind.DISCRETE
    return Machine(
        id=key,
        name=entry["name"],
        family=Family(entry["family"]),
        memory_kind=kind,
        pools=(Pool("gpu0" if card else "unified", entry["memory"]),),
        processor=Processor(cores=entry.get("cores")),
        gpus=(Gpu(str(entry.get("chip") or entry["name"]), entry["memory"] if card else None),),
        bandwidth=_bandwidth(entry),
        compute={number: Figure(value, "stated") for number, value in entry.get("compute", {}).items()},
        link=Figure(entry["link"], "stated") if "link" in entry else None,
        count=entry.get("count", 1),
        power=entry.get("power"),
        price=Price(**entry.get("price", {})),
        mass=entry.get("mass"),
        maker=entry.get("maker"),
        chip=entry.get("chip"),
        aliases=tuple(entry.get("aliases", ())),
        sources=tuple(entry.get("sources", ())),
        notes=tuple(entry.get("notes", ())),
    )


def _bandwidth(entry: Entry) -> Figure:
    """What the maker states; `low` is what a reading kernel was measured to reach."""
    return Figure(entry["bandwidth"], "stated", low=entry.get("bandwidth_measured"))

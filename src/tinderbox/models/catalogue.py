"""The catalogue: the models that have a name of their own, and where each can be had, in order."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinderbox.errors import NotFound, did_you_mean
from tinderbox.models.name import CatalogueName
from tinderbox.units import Bytes


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository, or the shards of one quantisation."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"hf:{self.repository}:{self.file}"


@dataclass(frozen=True, slots=True)
class PackagePart:
    """One member of one wheel: `size` is what it unpacks to."""

    package: str
    version: str
    member: str
    size: Bytes


@dataclass(frozen=True, slots=True)
class PackageSource:
    """A model carried by packages of the Python index, its parts to be joined in order."""

    parts: tuple[PackagePart, ...]

    def __str__(self) -> str:
        return f"pypi:{self.parts[0].package}" + (f" and {len(self.parts) - 1} more" if self.parts[1:] else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue. What is None is taken from the source: file name, size, checksum."""

    name: str
    description: str
    licence: str
    sources: tuple[HubSource | PackageSource, ...]
    file: str | None = None
    size: Bytes | None = None
    sha256: str | None = None


CATALOGUE = Path(__file__).with_name("catalogue.toml")


def entries(path: Path = CATALOGUE) -> tuple[Entry, ...]:
    return tuple(_entry(table) for table in tomllib.loads(path.read_text())["model"])


def look_up(name: CatalogueName, catalogue: Path = CATALOGUE) -> Entry:
    """The entry of that name; a family alone means its first. Raises NotFound with the nearest names."""
    known = entries(catalogue)
    for entry in known:
        if entry.name == str(name) or (name.tag is None and entry.name.startswith(f"{name.family}:")):
            return entry
    names = [entry.name for entry in known]
    remedy = did_you_mean(str(name), names) or "Any repository of the hub can be pulled as hf:ORG/REPO."
    raise NotFound(f"The catalogue has no model '{name}'.", remedy)


def _entry(table: dict[str, Any]) -> Entry:
    sources = tuple(_source(source) for source in table.pop("sources"))
    return Entry(**table, sources=sources)


def _source(table: dict[str, Any]) -> HubSource | PackageSource:
    if "repository" in table:
        return HubSource(**table)
    parts = table.get("parts", 1)
    return PackageSource(tuple(_part(table, number, parts) for number in range(1, parts + 1)))


def _part(table: dict[str, Any], number: int, parts: int) -> PackagePart:
    """`{n}` and `{nn}` in the names stand for the part's number; the last part has a size of its own."""
    package, member = (table[key].format(n=number, nn=f"{number:02}") for key in ("package", "member"))
    size = table["last_size"] if number == parts else table["size"]
    return PackagePart(package, table["version"], member, size)

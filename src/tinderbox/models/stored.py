"""`Stored`: a model on this machine, or an adapter of one, as the store tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox.errors import NotFound
from tinderbox.units import Bytes

if TYPE_CHECKING:
    from tinderbox.models.adapter import AdapterCard
    from tinderbox.models.card import Card


@dataclass(frozen=True, slots=True)
class Blob:
    """A content that lies in the store, and the file name that it goes by."""

    file: str
    sha256: str
    size: Bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A model on this machine. `path` is the (first) file, ready for an engine; `sha256` is that file's.

    An adapter has the `base` whose weights it changes; its files, its size and its sums are its own alone.
    """

    name: str
    files: tuple[Path, ...]
    size: Bytes
    sha256: str | None
    licence: str | None
    source: str
    added: datetime
    base: Stored | None = None

    @property
    def path(self) -> Path:
        return self.files[0]

    @property
    def content(self) -> str | None:
        """One checksum for all of its files; None where they are not in the store, or one is lost."""
        if self.sha256 is None or len(self.files) == 1:
            return self.sha256
        import hashlib

        try:
            links = "".join(str(file.readlink()) for file in self.files)
        except OSError:
            return None
        return hashlib.sha256(links.encode()).hexdigest()

    def card(self) -> Card:
        """What the header says; of an adapter what its base's says. Raises BadModelFile."""
        if self.base is not None:
            return self.base.card()
        return _read_card(self.path, self.path.stat().st_mtime_ns)

    def adapter(self) -> AdapterCard | None:
        """What an adapter's own header says; None for a model. Raises BadModelFile."""
        return None if self.base is None else _read_adapter(self.path, self.path.stat().st_mtime_ns)


def alone(path: Path) -> Stored:
    """A file that is used where it lies, without being added."""
    from tinderbox.models.gguf import shards_of

    if not path.is_file():
        raise NotFound(f"{path} is no file that can be read.", "Give the path of a .gguf file.")
    files = tuple(file.resolve() if len(path.parts) == 1 else file for file in shards_of(path))
    facts = [file.stat() for file in files]
    added = datetime.fromtimestamp(facts[0].st_mtime, UTC)
    return Stored(str(path), files, sum(fact.st_size for fact in facts), None, None, f"file:{path}", added)


@lru_cache(maxsize=64)
def _read_card(path: Path, modified: int) -> Card:
    """A header with its vocabulary takes a tenth of a second: it is read once while the file stays as it is."""
    from tinderbox.models.gguf import read_card

    return read_card(path)


@lru_cache(maxsize=64)
def _read_adapter(path: Path, modified: int) -> AdapterCard:
    from tinderbox.models.adapter import read_adapter

    return read_adapter(path)

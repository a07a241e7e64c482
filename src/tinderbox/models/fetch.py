"""Fetching one file over HTTP so that nothing which came is ever fetched twice: after a cut, a kill -9 or a restart the
rest is asked for (Range), what is there is hashed again, and the whole is compared with its checksum.

We fetch the hub's files too instead of leaving them to huggingface_hub: its own cache would keep a second folder of
blobs, its Xet transfer writes out of order and begins anew after a kill, and neither tells a second process how far the
first has come. What the hub knows better (addresses, tokens, checksums) is asked of huggingface_hub in `hub.py`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tinderbox.errors import DownloadFailed, NotFound
from tinderbox.units import Bytes, KiB, format_bytes

if TYPE_CHECKING:
    import httpx2

    from tinderbox.models.reach import Reach

CHUNK = 256 * KiB
SYNC_EVERY = 64 * 1024 * KiB  # so that a power cut costs little
ATTEMPTS = 6  # in a row without a byte
KNOCKS = 3  # at a machine that has never answered: there is no connection, or the name is wrong
LONGEST_PAUSE = 30.0
REDIRECTS = 8
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file elsewhere. An unknown size or checksum is None.

    Raises DownloadFailed where the checksum is none: it becomes a name on the disk, and a server said it.
    """

    url: str
    size: Bytes | None = None
    sha256: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", str(self.sha256)):
            raise DownloadFailed(
                f"The checksum given for {self.url} is no SHA-256: {str(self.sha256)[:80]!r}.",
                "Take the model from another source.",
            )

    @property
    def key(self) -> str:
        """The name of its partial file: by content where that is known, so that any source continues any other's."""
        return self.sha256 or "url-" + hashlib.sha256(self.url.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Line:
    """What a download runs on: the connection, a way to stop, a clock, and somebody to tell the bytes done."""

    client: httpx2.Client
    stop: threading.Event
    tell: Callable[[Bytes], None] = lambda _: None
    pause: Callable[[float], None] = time.sleep


class Stopped(DownloadFailed):
    """Somebody asked for it."""


class DiskFull(DownloadFailed):
    """No other source would help."""


class _Cut(Exception):
    """The line broke, or the server asks for patience: to be tried again."""

    def __init__(self, reason: str, after: float | None = None, *, answered: bool = True) -> None:
        super().__init__(reason)
        self.after = after
        self.answered = answered


def connect(reach: Reach | None = None) -> httpx2.Client:
    """A client with limits on time and redirects; the environment's proxies and certificates hold. With a `reach` it
    connects to nothing beyond."""
    import ssl

    import httpx2

    timeout = httpx2.Timeout(30.0, connect=10.0)
    bundle = certificates()
    verify = ssl.create_default_context(cafile=str(bundle)) if bundle else True
    if reach is None:
        return httpx2.Client(timeout=timeout, follow_redirects=True, max_redirects=REDIRECTS, verify=verify)
    from tinderbox.models.pinned import PinnedTransport

    transport = PinnedTransport(reach, verify)
    return httpx2.Client(timeout=timeout, follow_redirects=True, max_redirects=REDIRECTS, transport=transport)


def certificates() -> Path | None:
    """The bundle that the person already told other tools of; None for the system's own."""
    named = (os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"))
    return next((Path(path) for path in named if path and Path(path).is_file()), None)


class _Partial:
    """What came so far, with its hash."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.unsynced = 0

    @property
    def done(self) -> Bytes:
        return self.file.tell()

    def recall(self, line: Line) -> None:
        """Hashes what an earlier process left."""
        self.file.seek(0)
        while chunk := self.file.read(CHUNK):
            check_stop(line.stop)
            self.sha256.update(chunk)
            line.tell(self.done)

    def append(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.sha256.update(chunk)
        self.unsynced += len(chunk)
        if self.unsynced >= SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.unsynced = 0

    def begin_anew(self) -> None:
        self.file.truncate(0)
        self.file.seek(0)
        self.sha256 = hashlib.sha256()


def fetch(remote: Remote, path: Path, line: Line) -> str:
    """Brings the file to `path`, whole, synced and checked, and returns its SHA-256.

    Raises DownloadFailed (what came stays, unless its checksum is wrong) and NotFound.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with room(path, remote.size), path.open("a+b") as file:
        partial = _Partial(file)
        partial.recall(line)
        _until_whole(remote, partial, line)
        partial.sync()
    _etag(path).unlink(missing_ok=True)
    return _verified(remote, path, partial.sha256.hexdigest())


def _until_whole(remote: Remote, partial: _Partial, line: Line) -> None:
    failures, answered = 0, False
    while True:
        before = partial.done
        try:
            return _continue(remote, partial, line)
        except _Cut as cut:
            failures = 1 if partial.done > before else failures + 1
            answered = answered or cut.answered
            if failures >= (ATTEMPTS if answered else KNOCKS):
                raise _gave_up(remote, partial.done, failures, str(cut)) from cut
            line.pause(min(cut.after or 2.0 ** (failures - 1), LONGEST_PAUSE))
            check_stop(line.stop)


def _continue(remote: Remote, partial: _Partial, line: Line) -> None:
    """One request for what is missing. Raises _Cut where another may help."""
    import httpx2

    if remote.size is not None and partial.done > remote.size:
        partial.begin_anew()
    if partial.done and partial.done == remote.size:
        return
    path = Path(partial.file.name)
    headers = dict(remote.headers) | {"Accept-Encoding": "identity"} | _range(remote, path, partial.done)
    try:
        with line.client.stream("GET", remote.url, headers=headers) as response:
            if response.status_code == 416 and _is_whole(response, partial):
                return
            _refuse(response, remote)
            _receive(response, remote, partial, line)
    except (httpx2.TooManyRedirects, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise DownloadFailed(f"{remote.url} cannot be fetched: {error}.") from error
    except httpx2.TransportError as error:
        answered = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        raise _Cut(str(error) or type(error).__name__, answered=answered) from error


def _receive(response: httpx2.Response, remote: Remote, partial: _Partial, line: Line) -> None:
    """Writes an answer as it comes, behind what is there if it continues that."""
    if not _continues(response, partial.done):
        partial.begin_anew()
    total = _total(response, partial.done)
    _etag(Path(partial.file.name)).write_text(json.dumps(response.headers.get("etag")))
    for chunk in response.iter_raw():  # as they come: a chunk that waits to be full is lost in a cut
        check_stop(line.stop)
        partial.append(chunk)
        if remote.size is not None and partial.done > remote.size:
            raise _too_much(remote, partial)
        line.tell(partial.done)
    if partial.done < (total or 0):
        raise _Cut(f"the server ended after {partial.done} of {total} bytes")


def _too_much(remote: Remote, partial: _Partial) -> DownloadFailed:
    partial.begin_anew()
    return DownloadFailed(f"{remote.url} sends more than the {remote.size} bytes announced. It was discarded.")


def _is_whole(response: httpx2.Response, partial: _Partial) -> bool:
    """Nothing is left to send; unless the file changed, and then it is begun anew."""
    if response.headers.get("content-range") == f"bytes */{partial.done}":
        return True
    partial.begin_anew()
    raise _Cut("the server has another file now")


def _range(remote: Remote, path: Path, done: Bytes) -> dict[str, str]:
    """Asks for the rest. Where no checksum will tell, only of the very file that was begun (If-Range)."""
    if not done:
        return {}
    asked = {"Range": f"bytes={done}-"}
    if remote.sha256 is not None:
        return asked
    etag = json.loads(_etag(path).read_text()) if _etag(path).exists() else None
    return asked | {"If-Range": etag} if etag and not etag.startswith("W/") else {}


def _continues(response: httpx2.Response, done: Bytes) -> bool:
    return response.status_code == 206 and response.headers.get("content-range", "").startswith(f"bytes {done}-")


def _total(response: httpx2.Response, start: Bytes) -> Bytes | None:
    length = response.headers.get("content-length", "")
    return start + int(length) if length.isdigit() else None


def _refuse(response: httpx2.Response, remote: Remote) -> None:
    status = response.status_code
    if status == 429 or status >= 500:
        after = response.headers.get("retry-after", "")
        raise _Cut(f"the server answered {status}", after=float(after) if after.isdigit() else None)
    if status in (404, 410):
        raise NotFound(f"{remote.url} is not there (the server answered {status}).")
    if status in (401, 403):
        raise DownloadFailed(f"{remote.url} may not be fetched (the server answered {status}).", _ACCESS)
    if status not in (200, 206):
        raise DownloadFailed(f"{remote.url} cannot be fetched: the server answered {status}.")


_ACCESS = "If the model asks for an agreement, accept it on its page and set HF_TOKEN."


def _verified(remote: Remote, partial: Path, sha256: str) -> str:
    if remote.sha256 is not None and sha256 != remote.sha256:
        partial.unlink()
        raise DownloadFailed(
            f"{remote.url} did not verify: its SHA-256 is {sha256}, and should be {remote.sha256}. It was discarded.",
            "Pull again; if it happens again, the source has another file.",
        )
    return sha256


def check_stop(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped("The download was stopped; what came stays.", "Pull again to go on.")


@contextmanager
def room(partial: Path, size: Bytes | None) -> Iterator[None]:
    """Says what is missing when the disk fills up on the way to a file of `size` bytes."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        done = partial.stat().st_size
        of = f" of {format_bytes(size)}" if size is not None else ""
        missing = f"{format_bytes(max(0, size - done))} more" if size is not None else "more room"
        raise DiskFull(
            f"The disk is full: {format_bytes(done)}{of} came and stays; {missing} is needed in {partial.parent}.",
            "Free that much and pull again: it goes on where it stopped.",
        ) from error


def _gave_up(remote: Remote, done: Bytes, attempts: int, reason: str) -> DownloadFailed:
    return DownloadFailed(
        f"{remote.url} could not be fetched after {attempts} attempts: {reason}. {format_bytes(done)} came and stays.",
        "Look at the connection and pull again: it goes on where it stopped.",
    )


def _etag(partial: Path) -> Path:
    return partial.with_name(partial.name + ".etag")

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.web import Resource, Web
from tinderbox.errors import DownloadFailed
from tinderbox.models.fetch import Line, Remote, Stopped, connect, fetch

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def line(pauses: list[float]) -> Iterator[Line]:
    with connect() as client:
        yield Line(client, threading.Event(), pause=pauses.append)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "partial"


def test_a_file_comes_whole_with_its_checksum(web: Web, line: Line, partial: Path) -> None:
    assert fetch(Remote(web.put("/x", CONTENT)), partial, line) == SHA256

    assert partial.read_bytes() == CONTENT


def test_a_file_that_is_whole_is_only_hashed(web: Web, line: Line, partial: Path) -> None:
    partial.write_bytes(CONTENT)

    assert fetch(Remote(web.put("/x", CONTENT), size=len(CONTENT)), partial, line) == SHA256

    assert web.asked == []


def test_a_whole_file_of_unknown_size_costs_one_question(web: Web, line: Line, partial: Path) -> None:
    partial.write_bytes(CONTENT)

    assert fetch(Remote(web.put("/x", CONTENT), sha256=SHA256), partial, line) == SHA256

    assert web.ranges("/x") == [f"bytes={len(CONTENT)}-"]


def test_a_partial_file_that_is_too_long_is_begun_anew(web: Web, line: Line, partial: Path) -> None:
    partial.write_bytes(CONTENT + b"more")

    assert fetch(Remote(web.put("/x", CONTENT), size=len(CONTENT)), partial, line) == SHA256


def test_a_partial_file_longer_than_the_servers_is_begun_anew(web: Web, line: Line, partial: Path) -> None:
    partial.write_bytes(CONTENT + b"more")

    assert fetch(Remote(web.put("/x", CONTENT), sha256=SHA256), partial, line) == SHA256


def test_a_partial_file_of_other_bytes_fails_once_and_is_gone(web: Web, line: Line, partial: Path) -> None:
    partial.write_bytes(bytes(1000))
    remote = Remote(web.put("/x", CONTENT), sha256=SHA256)

    with pytest.raises(DownloadFailed, match="did not verify"):
        fetch(remote, partial, line)

    assert fetch(remote, partial, line) == SHA256


def test_without_a_checksum_only_the_same_file_is_continued(web: Web, line: Line, partial: Path) -> None:
    remote = Remote(web.put("/x", CONTENT))
    web.manners["/x"] = ["cut 1000"]

    fetch(remote, partial, line)

    etag = web.resources["/x"].headers["ETag"]
    assert [headers.get("if-range") for _, _, headers in web.asked] == [None, etag]


def test_a_weak_etag_continues_nothing(web: Web, line: Line, partial: Path) -> None:
    remote = Remote(web.put("/x", CONTENT, ETag='W/"1"'))
    web.manners["/x"] = ["cut 1000"]

    assert fetch(remote, partial, line) == SHA256

    assert web.ranges("/x") == [None, None]


def test_the_server_says_how_long_to_wait(web: Web, line: Line, partial: Path, pauses: list[float]) -> None:
    remote = Remote(web.put("/x", CONTENT))
    web.resources["/busy"] = Resource(b"", {"Retry-After": "7"}, 503)
    busy = Remote(web.url + "/busy")

    with pytest.raises(DownloadFailed, match="503"):
        fetch(busy, partial, line)
    fetch(remote, partial, line)

    assert pauses == [7.0] * 5


def test_redirects_end_somewhere(web: Web, line: Line, partial: Path) -> None:
    web.resources["/round"] = Resource(b"", {"Location": "/round"}, 302)

    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch(Remote(web.url + "/round"), partial, line)

    assert len(web.asked) < 12


def test_a_redirect_to_another_kind_of_address_is_not_followed(web: Web, line: Line, partial: Path) -> None:
    web.resources["/away"] = Resource(b"", {"Location": "file:///etc/passwd"}, 302)

    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch(Remote(web.url + "/away"), partial, line)


def test_a_machine_that_does_not_answer_is_named(line: Line, partial: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:9/x could not be fetched after 3 attempts"):
        fetch(Remote("http://127.0.0.1:9/x"), partial, line)


def test_a_stop_is_heard_while_hashing_what_is_there(line: Line, partial: Path) -> None:
    partial.write_bytes(CONTENT)
    line.stop.set()

    with pytest.raises(Stopped):
        fetch(Remote("http://127.0.0.1:9/x"), partial, line)

    assert partial.read_bytes() == CONTENT


def test_the_bytes_done_are_told(web: Web, partial: Path) -> None:
    told: list[int] = []
    with connect() as client:
        fetch(Remote(web.put("/x", CONTENT)), partial, Line(client, threading.Event(), told.append))

    assert told == sorted(told)
    assert told[-1] == len(CONTENT)

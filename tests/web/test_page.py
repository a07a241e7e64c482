"""The page as routes: what is sent, under which rules, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tinderbox.web import page_routes


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=page_routes())) as client:
        yield client


def test_the_page_is_at_the_root(client: TestClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Tinderbox</title>" in answer.text


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)


def test_a_file_is_taken_for_what_it_says_it_is_and_tells_nobody_where_it_came_from(client: TestClient) -> None:
    headers = client.get("/static/main.js").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("vendor/dompurify/purify.es.mjs", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_each_file_has_its_type(client: TestClient, path: str, media_type: str) -> None:
    assert client.get(f"/static/{path}").headers["content-type"] == media_type


def test_a_file_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    etag = client.get("/static/main.js").headers["etag"]

    again = client.get("/static/main.js", headers={"If-None-Match": f'"older", W/{etag}'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag


def test_a_file_that_has_changed_is_sent(client: TestClient) -> None:
    answer = client.get("/static/main.js", headers={"If-None-Match": '"older"'})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/static/vendor/../../page.py",
        "/static//etc/passwd",
        "/static/vendor",
        "/static/",
        "/static/vendor/README.md",
        "/static/none.js",
    ],
)
def test_nothing_but_the_files_of_the_page_can_be_read(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_takes_no_orders(client: TestClient) -> None:
    assert client.post("/").status_code == 405


def test_each_library_lies_beside_its_licence_and_is_named_in_the_notes() -> None:
    vendor = files("tinderbox.web") / "static/vendor"
    folders = {entry.name for entry in vendor.iterdir() if entry.is_dir()}

    licensed = {name for name in folders if (vendor / name / "LICENSE").is_file()}
    named = set(re.findall(r"`(\w+)/`", (vendor / "README.md").read_text()))

    assert folders == licensed == named == {"marked", "dompurify", "highlight"}


def test_no_file_of_ours_names_an_address_elsewhere() -> None:
    static = files("tinderbox.web") / "static"
    ours = "".join(entry.read_text() for entry in static.iterdir() if entry.is_file())

    assert set(re.findall(r"https?://[\w./-]+", ours)) == {"http://www.w3.org/2000/svg"}

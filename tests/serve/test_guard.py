"""Who is let in by the guard."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tinderbox.serve.guard import LARGEST_BODY, Guard


def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def client() -> TestClient:
    return TestClient(Guard(Starlette(routes=[Route("/", hello)])), base_url="http://localhost:8910")


@pytest.mark.parametrize("host", ["localhost:8910", "127.0.0.1", "[::1]:8910"])
def test_the_names_of_this_machine_are_let_in(host: str) -> None:
    assert client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::1", "@localhost@"]
)
def test_a_name_that_was_bound_to_our_address_is_not(host: str) -> None:
    answer = client().get("/", headers={"Host": host})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://localhost"])
def test_a_page_of_another_origin_is_not(origin: str) -> None:
    assert client().get("/", headers={"Origin": origin}).status_code == 403


def test_our_own_page_is() -> None:
    assert client().get("/", headers={"Origin": "http://localhost:8910"}).status_code == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read() -> None:
    answer = client().post("/", headers={"Content-Length": str(LARGEST_BODY + 1)})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")

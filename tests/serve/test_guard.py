"""Who is let in by the guard."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from tests.serve.house import make_house
from tinderbox.serve.access import Access
from tinderbox.serve.guard import LARGEST_BODY, Guard, Patience, is_same_address
from tinderbox.serve.keys import Keyring


def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def client() -> TestClient:
    return TestClient(Guard(Starlette(routes=[Route("/", hello)])), base_url="http://localhost:8910")


@pytest.mark.parametrize("host", ["localhost:8910", "127.0.0.1", "[::1]:8910"])
def test_the_names_of_this_machine_are_let_in(host: str) -> None:
    assert client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "",
        "[::1",
        "@localhost@",
        "evil.example@localhost",
        "localhost/evil",
    ],
)
def test_a_name_that_was_bound_to_our_address_is_not(host: str) -> None:
    answer = client().get("/", headers={"Host": host})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_two_of_which_a_proxy_might_read_the_other_are_not(header: str) -> None:
    answer = client().get("/", headers=[(header, "http://evil.example"), (header, "http://localhost:8910")])

    assert (answer.status_code, "came twice" in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://localhost"])
def test_a_page_of_another_origin_is_not(origin: str) -> None:
    assert client().get("/", headers={"Origin": origin}).status_code == 403


def test_our_own_page_is() -> None:
    assert client().get("/", headers={"Origin": "http://localhost:8910"}).status_code == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read() -> None:
    answer = client().post("/", headers={"Content-Length": str(LARGEST_BODY + 1)})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def guarded(**settings: Any) -> TestClient:
    return TestClient(Guard(Starlette(routes=[Route("/", hello)]), **settings), base_url="http://localhost:8910")


def test_a_name_that_was_allowed_is_let_in_however_it_is_written() -> None:
    client = guarded(hosts=("Box.lan",))

    assert client.get("/", headers={"Host": "box.lan:8910"}).status_code == 200
    assert client.get("/", headers={"Host": "BOX.LAN"}).status_code == 200


def test_the_address_that_a_connection_came_in_on_is_a_host_beyond_loopback() -> None:
    came_in_on = ("192.168.1.5", 8910)

    assert is_same_address("192.168.1.5", came_in_on[0])
    assert is_same_address("192.168.1.5", "::ffff:192.168.1.5")
    assert not is_same_address("192.168.1.6", came_in_on[0])
    assert not is_same_address("evil.example", came_in_on[0])


def test_a_page_that_was_named_is_let_in_and_told_so(tmp_path: Path) -> None:
    origin = "https://chat.example.org"
    house = make_house(tmp_path, Access(Keyring(tmp_path, closed=True), origins=(origin,)))
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}

    client = TestClient(house, base_url="http://localhost")

    before = client.options("/v1/chat/completions", headers=asked)
    refused = client.get("/v1/models", headers={"Origin": origin})
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)
    assert client.options("/", headers=asked | {"Origin": "https://evil.example"}).status_code == 403


def test_without_such_a_page_nothing_is_told_to_other_origins(tmp_path: Path) -> None:
    answer = TestClient(make_house(tmp_path), base_url="http://localhost").get("/v1/models")

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", ["http://[::1", "http://", "//localhost:8910", "localhost:8910"])
def test_an_origin_that_cannot_be_read_is_refused(origin: str) -> None:
    assert client().get("/", headers={"Origin": origin}).status_code == 403


async def count_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with how it saw the body end."""
    message = await receive()
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
    await PlainTextResponse(message["type"])(scope, receive, send)


@pytest.mark.anyio
async def test_a_body_that_stops_coming_is_given_up() -> None:
    pieces = asyncio.Queue[Message]()
    pieces.put_nowait({"type": "http.request", "body": b"a", "more_body": True})
    said: list[bytes] = []

    async def send(message: Message) -> None:
        said.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost")]}
    await Guard(count_body, patience=Patience(piece=0.01, whole=1))(scope, pieces.get, send)

    assert said[-1] == b"http.disconnect"


@pytest.mark.anyio
async def test_more_at_once_than_it_can_hold_are_told_to_come_again() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await leave.wait()
        await PlainTextResponse("done")(scope, receive, send)

    guard = Guard(wait, most_at_once=1)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guard), base_url="http://localhost") as client:
        first = asyncio.create_task(client.get("/"))
        await entered.wait()
        second = await client.get("/")
        leave.set()

        assert (second.status_code, second.headers["retry-after"]) == (503, "2")
        assert (await first).status_code == 200
        assert (await client.get("/")).status_code == 200

"""The door: every route, by every header, with every kind of key."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.keys import SCOPES, Limits, Scope, add_key, make_key, revoke_key
from tinderbox.serve.access import Access
from tinderbox.serve.keys import Keyring
from tinderbox.serve.scopes import is_public, scopes_of

NOON = 1_777_636_800.0
CHAT = {"model": "echo:1b", "messages": [{"role": "user", "content": "say this back"}]}
OWN = "tb_local_0123456789"


@dataclass
class Door:
    """A house with a clock that the test turns, and its keys."""

    home: Path
    now: float = NOON

    def __post_init__(self) -> None:
        self.ring = Keyring(self.home, own=OWN, clock=lambda: self.now)
        self.client = TestClient(make_house(self.home, Access(self.ring)), base_url="http://localhost")

    def make(self, name: str, *scopes: Scope, lasts: timedelta | None = None, **limits: int) -> dict[str, str]:
        """The header that opens with a new key."""
        key, text = make_key(name, scopes or ("chat",), Limits(**limits), lasts=lasts)
        add_key(self.home, key)
        return {"Authorization": f"Bearer {text}"}

    def chat(self, headers: dict[str, str], **body: Any) -> httpx2.Response:
        return self.client.post("/v1/chat/completions", json=CHAT | body, headers=headers)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_loopback_needs_no_key_until_one_was_made(door: Door) -> None:
    before = door.chat({"Authorization": "Bearer unused"}).status_code

    door.make("laptop")

    assert (before, door.chat({}).status_code) == (200, 401)


def test_a_box_that_others_reach_needs_one_at_once(tmp_path: Path) -> None:
    house = make_house(tmp_path, Access(Keyring(tmp_path, closed=True)))

    assert TestClient(house, base_url="http://localhost").get("/box/ps").status_code == 401


def walk(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path there is, with something in the place of what varies."""
    found = [(method, route.path or "") for route in iter_route_contexts(app.routes) for method in route.methods or ()]
    return sorted((method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in found)


def test_every_route_refuses_whoever_may_not(door: Door) -> None:
    """No key, a wrong one, one of another scope; by both headers; on every route that is not public."""
    keys = {scope: door.make(scope, scope)["Authorization"].removeprefix("Bearer ") for scope in SCOPES}
    wrong = keys["admin"][:-1] + ("x" if keys["admin"][-1] != "x" else "y")
    routes = [pair for pair in walk(door.client.app) if not is_public(*pair)]  # type: ignore[arg-type]  # the house's

    found = {
        (method, path): [
            answer_status(door, method, path, {}),
            *(answer_status(door, method, path, headers) for headers in both(wrong)),
            *(answer_status(door, method, path, headers) for headers in both(another(keys, method, path))),
        ]
        for method, path in routes
    }

    assert len(routes) > 15
    assert {route: statuses for route, statuses in found.items() if statuses != [401, 401, 401, 403, 403]} == {}


def both(key: str) -> tuple[dict[str, str], dict[str, str]]:
    return {"Authorization": f"Bearer {key}"}, {"x-api-key": key}


def another(keys: dict[Scope, str], method: str, path: str) -> str:
    """A key whose scope does not open the route."""
    return next(key for scope, key in keys.items() if scope not in scopes_of(method, path) and scope != "admin")


def answer_status(door: Door, method: str, path: str, headers: dict[str, str]) -> int:
    return door.client.request(method, path, headers=headers).status_code


def test_what_is_not_listed_needs_admin() -> None:
    assert scopes_of("POST", "/box/a-route-of-tomorrow") == {"admin"}
    assert scopes_of("POST", "/v1/models") == {"admin"}


def test_that_it_lives_and_the_page_are_told_to_anybody(door: Door) -> None:
    door.make("laptop")

    assert [door.client.get(path).status_code for path in ("/healthz", "/", "/static/main.js")] == [200, 200, 200]


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
def test_a_key_opens_by_either_header(door: Door, header: str) -> None:
    text = door.make("laptop")["Authorization"]

    assert door.chat({header: text if header == "Authorization" else text.removeprefix("Bearer ")}).status_code == 200


def test_limits_are_the_keys_and_not_the_headers(door: Door) -> None:
    by_one, by_other = both(door.make("laptop", requests_per_minute=1)["Authorization"].removeprefix("Bearer "))

    assert [door.chat(by_one).status_code, door.chat(by_other).status_code] == [200, 429]


def test_admin_opens_everything(door: Door) -> None:
    admin = door.make("root", "admin")

    assert door.chat(admin).status_code == 200
    assert door.client.get("/box/ps", headers=admin).status_code == 200
    assert door.client.post("/box/down", headers=admin).status_code == 200


def test_the_homes_own_command_line_is_let_in(door: Door) -> None:
    door.make("laptop")

    assert door.client.post("/box/down", headers={"Authorization": f"Bearer {OWN}"}).status_code == 200
    assert door.client.post("/box/down", headers={"Authorization": f"Bearer {OWN}1"}).status_code == 401


def test_a_revoked_key_opens_nothing_from_the_next_request_on(door: Door) -> None:
    key = door.make("laptop")
    before = door.chat(key).status_code

    revoke_key(door.home, "laptop")

    assert (before, door.chat(key).status_code) == (200, 401)
    assert "revoked" in door.chat(key).json()["error"]["message"]


def test_a_key_that_ran_out_opens_nothing(door: Door) -> None:
    key = door.make("laptop", lasts=timedelta(days=1))

    door.now += 10 * 365 * 86_400

    assert door.chat(key).status_code == 401


def test_the_last_key_revoked_does_not_open_the_door(door: Door) -> None:
    door.make("laptop")
    revoke_key(door.home, "laptop")
    revoked = door.chat({}).status_code

    revoke_key(door.home, "laptop", forget=True)

    assert (revoked, door.chat({}).status_code) == (401, 200)


def test_no_request_sends_the_box_into_its_own_network(door: Door) -> None:
    pulled = door.client.post("/box/pull", json={"model": "http://127.0.0.1:9/tiny.gguf"})

    last = json.loads(pulled.text.splitlines()[-1])
    assert (last["status"], "allow_fetch" in last["error"]["remedy"]) == ("failed", True)


def begin_session(door: Door, key: dict[str, str]) -> httpx2.Response:
    return door.client.post("/box/session", headers=key)


def test_a_browser_gets_a_strict_session_for_its_key(door: Door) -> None:
    begun = begin_session(door, door.make("laptop"))

    cookie = begun.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert door.chat({}).status_code == 200


def test_a_session_may_no_more_than_its_key_and_ends_with_it(door: Door) -> None:
    begin_session(door, door.make("laptop", "chat"))
    beyond = door.client.post("/box/down").status_code

    revoke_key(door.home, "laptop")

    assert (beyond, door.chat({}).status_code) == (403, 401)


def test_a_browser_can_ask_whose_session_it_has(door: Door) -> None:
    begin_session(door, door.make("laptop", "chat", "jobs"))

    said = door.client.get("/box/session").json()

    assert said == {"session": True, "key": "laptop", "scopes": ["chat", "jobs"]}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_or_port_does_not_use_it(door: Door, site: str) -> None:
    begin_session(door, door.make("laptop"))

    assert door.client.get("/box/ps", headers={"Sec-Fetch-Site": site}).status_code == 401
    assert door.client.get("/box/ps", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_session_that_was_ended_or_is_old_opens_nothing(door: Door) -> None:
    key = door.make("laptop")
    begin_session(door, key)
    kept = {"Cookie": f"tinderbox-80={door.client.cookies['tinderbox-80']}"}
    door.client.delete("/box/session")
    ended = door.client.get("/box/ps", headers=kept).status_code

    begin_session(door, key)
    door.now += 31 * 86_400

    assert (ended, door.client.get("/box/ps").status_code) == (401, 401)


def test_a_ticket_begins_one_session_once(door: Door) -> None:
    door.make("laptop")
    asked = door.client.post("/box/ticket", headers={"Authorization": f"Bearer {OWN}"}).json()
    ticket = {"Authorization": f"Bearer {asked['ticket']}"}

    statuses = [begin_session(door, ticket).status_code for _ in range(2)]

    assert statuses == [204, 401]
    assert door.client.post("/box/down").status_code == 200


def test_without_keys_there_is_neither_ticket_nor_session(door: Door) -> None:
    assert door.client.post("/box/ticket").json() == {"ticket": None}
    assert "set-cookie" not in begin_session(door, {}).headers


def test_too_many_requests_are_told_when_to_come_again(door: Door) -> None:
    key = door.make("laptop", requests_per_minute=2)
    first = door.chat(key)
    door.chat(key)

    refused = door.chat(key)

    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted_streamed_or_not(door: Door, stream: bool) -> None:
    key = door.make("laptop", tokens_per_day=10)

    statuses = [door.chat(key, stream=stream).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_tokens_of_today_outlive_the_box(door: Door) -> None:
    key = door.make("laptop", tokens_per_day=10)
    door.chat(key)

    asyncio.run(door.ring.write())

    again = Door(door.home)
    assert again.chat(key).status_code == 429
    again.now += 86_400
    assert again.chat(key).status_code == 200


def test_tokens_of_yesterday_are_not_counted_against_a_key_that_comes_back_today(door: Door) -> None:
    key = door.make("laptop", tokens_per_day=10)
    door.chat(key)
    asyncio.run(door.ring.write())

    again = Door(door.home)
    again.now += 86_400

    assert again.chat(key).status_code == 200


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", ["error"]),
        ("/v1/messages", ["error", "request_id", "type"]),
        ("/api/chat", ["error"]),
    ],
)
def test_a_refusal_has_the_shape_of_its_api(door: Door, path: str, shape: list[str]) -> None:
    door.make("laptop")

    refused = door.client.post(path, json={})

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert sorted(refused.json()) == shape


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/chat/completions", CHAT | {"model": "/tmp/any.gguf"}),
        ("POST", "/box/load", {"model": "/tmp/any.gguf"}),
        ("POST", "/box/stop", {"model": "/tmp/any.gguf"}),
        ("GET", "/v1/models//tmp/any.gguf", None),
        ("DELETE", "/box/models//tmp/any.gguf", None),
        ("GET", "/box/plan?model=/tmp/any.gguf", None),
    ],
)
def test_a_key_names_no_file_of_the_machine(door: Door, method: str, path: str, body: Any) -> None:
    admin = door.make("root", "admin")

    refused = door.client.request(method, path, json=body, headers=admin)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")


def test_a_stream_that_is_open_ends_when_its_key_is_revoked(door: Door) -> None:
    headers = door.make("laptop")

    pieces = asyncio.run(watch_until_cut(door, headers["Authorization"]))

    assert (pieces[0]["status"], pieces[1]["body"][:9]) == (200, b"event: ps")


async def watch_until_cut(door: Door, key: str) -> list[dict[str, Any]]:
    """Watch the memory, revoke the key once something came, and go on until the box ends it."""
    told: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        told.append(message)
        if len(told) == 2:
            revoke_key(door.home, "laptop")

    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": b""})
    headers = [(b"host", b"localhost"), (b"authorization", key.encode())]
    scope = {"type": "http", "method": "GET", "path": "/box/events", "raw_path": b"/box/events", "query_string": b""}
    scope |= {"headers": headers, "server": ("localhost", 80), "scheme": "http"}
    async with asyncio.timeout(60):
        await door.client.app(scope, inbox.get, send)
    return told


def test_a_wrong_parameter_of_an_address_goes_by_its_name(door: Door) -> None:
    refused = door.client.get("/box/decisions", params={"limit": 0})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "limit")


def test_each_box_of_a_host_has_a_cookie_of_its_own(tmp_path: Path) -> None:
    box = TestClient(
        make_house(tmp_path, Access(Keyring(tmp_path, own=OWN, closed=True))), base_url="http://localhost:8911"
    )

    box.post("/box/session", headers={"Authorization": f"Bearer {OWN}"})

    assert list(box.cookies) == ["tinderbox-8911"]


def test_texts_that_became_vectors_are_charged(door: Door) -> None:
    headers = door.make("laptop", tokens_per_day=5)
    body = {"model": "echo:1b", "input": "one two three four five", "dimensions": 1}

    statuses = [door.client.post("/v1/embeddings", json=body, headers=headers).status_code for _ in "ab"]

    assert statuses == [200, 429]

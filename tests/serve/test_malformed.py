"""Whatever comes in at the door, something sensible goes out."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.flood import flood
from tests.serve.house import make_house
from tests.serve.malformed import FUNCTION, malformed
from tests.serve.test_server import HELLO, ask, serving

ECHO = "echo:1b"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


def test_the_same_seed_makes_the_same_requests() -> None:
    once, again = Random(7), Random(7)

    assert [malformed(once, ECHO) for _ in range(50)] == [malformed(again, ECHO) for _ in range(50)]


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_flood_of_malformed_requests_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, make_house(tmp_path)) as port:
        seen = await flood(port, count=1500, seed=11, model=ECHO)
        after = await ask(port, HELLO)

    assert seen.faults == []
    assert seen.answers["400"] > 750
    assert after.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "item",
    [{"role": {}, "content": "hello"}, {"type": [], "content": "hello"}, {"role": "user", "content": [{"type": {}}]}],
    ids=["role", "type", "part"],
)
def test_what_should_be_a_word_and_is_a_list_or_an_object_is_refused(client: TestClient, item: dict[str, Any]) -> None:
    answer = client.post("/v1/responses", json={"model": ECHO, "input": [item]})

    assert (answer.status_code, "input.0" in answer.json()["error"]["message"]) == (400, True)


def test_a_system_message_without_words_takes_the_note_about_tools(client: TestClient) -> None:
    messages = [{"role": "system"}, {"role": "user", "content": "hello"}]
    tools = [{"type": "function", "function": FUNCTION}]

    answer = client.post("/v1/chat/completions", json={"model": ECHO, "messages": messages, "tools": tools})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", '{"model": "\\ud800", "prompt": "hello"}'),
        ("/api/generate", '{"model": "echo:1b", "prompt": "\\ud800"}'),
        (
            "/v1/responses",
            '{"model": "echo:1b", "input": "hello", "text": {"format": {"type": "text", "x": "\\ud800"}}}',
        ),
    ],
    ids=["model", "ollama", "told again"],
)
def test_half_a_character_is_refused(client: TestClient, path: str, body: str) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400, answer.text


def test_a_name_that_no_file_could_have_is_a_model_that_is_not_there(client: TestClient) -> None:
    answer = client.get("/box/plan", params={"model": "x" * 3000})

    assert answer.status_code == 404

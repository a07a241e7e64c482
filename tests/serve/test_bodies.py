"""What a body may cost to read, and how it is told to an engine."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.serve.bodies import HEAVIEST, MOST_FIELDS, Scales, encoded

TURN = {"role": "user", "content": ""}
CHAT: dict[str, Any] = {"model": "echo:1b", "messages": [TURN]}


def weight_of(value: object, piece: int = 1 << 16) -> int:
    scales, body = Scales(), json.dumps(value).encode()
    for start in range(0, len(body), piece):
        scales.add(body[start : start + piece])
    return scales.weight


def image(size: int) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * size}}
    return {"model": "echo:1b", "messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [TURN] * 10_000},
        image(30_000_000),
        {"input": [[12345] * 512] * 900},
        {"messages": [{"role": "user", "content": "測" * 1_000_000}]},
    ],
    ids=["ten thousand turns", "a large picture", "half a million tokens", "a million characters in escapes"],
)
def test_what_people_send_is_light_enough(body: object) -> None:
    assert weight_of(body) <= HEAVIEST


@pytest.mark.parametrize("value", [TURN, [], {}, "", "\n" * 100, 1], ids=str)
def test_a_body_of_many_values_is_refused_before_it_has_come(value: object) -> None:
    with pytest.raises(HTTPException, match="too many values"):
        weight_of({"messages": [value] * 1_000_000})


@pytest.mark.parametrize("text", ['{"a": [1, 2]}', "\\", '\\"', '[[[",', "\\\\\\"])
def test_what_stands_in_a_text_is_no_value(text: str) -> None:
    plain = "x" * len(text)

    assert weight_of([text] * 9) - weight_of([plain] * 9) <= 9 * 5 * len(text)


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_it_weighs_the_same_in_whatever_pieces_it_comes(piece: int) -> None:
    body = [{"a": '\\"[{,\\\\', "b": [1, 2, {}]}]

    whole, cut = weight_of(body), weight_of(body, piece)

    assert whole <= cut <= whole + 50 * len(json.dumps(body))  # each piece begins with a part of its own


def test_a_heavy_body_is_refused_with_413_in_the_shape_of_its_api(tmp_path: Path) -> None:
    client = TestClient(make_house(tmp_path), base_url="http://localhost")
    heavy = {"model": "echo:1b", "max_tokens": 1, "messages": [TURN] * 400_000}

    openai, anthropic = client.post("/v1/chat/completions", json=heavy), client.post("/v1/messages", json=heavy)

    assert (openai.status_code, openai.json()["error"]["code"]) == (413, "too_large")
    assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (413, "request_too_large")


def test_of_many_wrong_values_the_first_is_told(tmp_path: Path) -> None:
    client = TestClient(make_house(tmp_path), base_url="http://localhost")

    parts = client.post("/v1/chat/completions", json=CHAT | {"messages": [{"role": "user", "content": [[]] * 100_000}]})
    fields = client.post("/v1/chat/completions", json=CHAT | {str(n): 0 for n in range(MOST_FIELDS + 1)})

    assert (parts.status_code, parts.json()["error"]["param"]) == (400, "messages.0.content")
    assert (fields.status_code, "fields" in fields.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize("text", ["plain", "測\n", "\ud800"])
def test_an_engine_hears_what_was_said(text: str) -> None:
    assert json.loads(encoded({"text": text})) == {"text": text}

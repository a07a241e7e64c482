"""The OpenAI dialect over echoes: what is refused, in which words, and what passes untouched."""

import asyncio
import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tests.serve.leaving import pieces_sent_to_one_who_leaves
from tinderbox.serve.embeddings import shortened

CHAT = {"model": "echo:1b", "messages": [{"role": "user", "content": "say this back"}]}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


def refusal(client: TestClient, body: object, path: str = "/v1/chat/completions") -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    return answer.status_code, answer.json()["error"]


def test_an_answer_passes_as_the_engine_gave_it(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=CHAT).json()

    assert answer["choices"][0]["message"]["content"] == "say this back"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_a_conversation_has_an_end(client: TestClient, path: str) -> None:
    flood = {"model": "echo:1b", "max_tokens": 1, "messages": [{"role": "user", "content": ""}] * 10_001}

    refused = client.post(path, json=flood)

    assert (refused.status_code, "messages" in refused.text) == (400, True)


def test_a_stream_passes_as_events(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=CHAT | {"stream": True})

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.count("data: ") == 4
    assert answer.text.endswith("data: [DONE]\n\n")


def test_an_unknown_model_is_404_with_the_nearest_names(client: TestClient) -> None:
    status, error = refusal(client, CHAT | {"model": "eco:1b"})

    assert (status, error["code"]) == (404, "model_not_found")
    assert "echo:1b" in error["message"]


def test_broken_json_is_told_where_it_breaks(client: TestClient) -> None:
    status, error = refusal(client, '{"model": ')

    assert status == 400
    assert "not JSON" in error["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"top_k": 1.5}, "top_k"),
        ({"stream": "yes"}, "stream"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"model": ""}, "model"),
        ({"samplers": ["zzz"]}, "samplers.0"),
        ({"samplers": "zzz"}, "samplers"),
        ({"logit_bias": {"1": "much"}}, "logit_bias"),
        ({"logit_bias": [1, 2]}, "logit_bias"),
        ({"logit_bias": {"999999999": 1}}, "logit_bias"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, change: dict[str, Any], field: str) -> None:
    status, error = refusal(client, CHAT | change)

    assert (status, error["param"]) == (400, field)
    assert f"'{field}'" in error["message"]


@pytest.mark.parametrize(
    "change", [{"samplers": ["top_k"]}, {"samplers": "kt"}, {"logit_bias": [["yes", 1], [2, False]]}]
)
def test_what_the_engine_knows_of_sampling_passes(client: TestClient, change: dict[str, Any]) -> None:
    assert client.post("/v1/chat/completions", json=CHAT | change).status_code == 200


def test_a_prompt_beyond_any_tokens_of_the_context_never_reaches_the_engine(client: TestClient) -> None:
    status, error = refusal(client, CHAT | {"messages": [{"role": "user", "content": "a" * 200_000}]})

    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert "the context holds 2048 tokens" in error["message"]


def test_a_large_batch_of_short_texts_is_no_long_prompt(client: TestClient) -> None:
    batch = {"model": "echo:1b", "input": ["a" * 100] * 2000}

    assert client.post("/v1/embeddings", json=batch).status_code == 200


def test_a_path_that_is_no_model_is_not_looked_at(client: TestClient) -> None:
    status, error = refusal(client, CHAT | {"model": "/etc/passwd"})

    assert (status, error["message"].split(".")[0]) == (400, "'/etc/passwd' is no model name")


@pytest.mark.parametrize("key", ["image_url", "\\u0069mage_url", "video_url"])
def test_no_engine_is_sent_to_an_address(client: TestClient, key: str) -> None:
    part = {"type": "image_url", "KEY": {"url": "http://169.254.169.254/x.png"}}
    body = json.dumps(CHAT | {"messages": [{"role": "user", "content": [part]}]})

    status, error = refusal(client, body.replace("KEY", key))

    assert (status, error["param"]) == (400, "messages")
    assert "data: URL" in error["message"]


def test_a_missing_field_is_named(client: TestClient) -> None:
    status, error = refusal(client, {"model": "echo:1b"})

    assert (status, error["message"]) == (400, "'messages' is missing.")


def test_an_unknown_path_is_404_in_the_same_shape(client: TestClient) -> None:
    status, error = refusal(client, CHAT, path="/v1/chat/completion")

    assert status == 404
    assert "/v1/chat/completions" in error["message"]


def test_a_wrong_method_is_405_in_the_same_shape(client: TestClient) -> None:
    assert client.delete("/v1/chat/completions").status_code == 405


def test_an_engine_that_dies_in_mid_stream_ends_it_with_an_error_event(client: TestClient) -> None:
    crash = CHAT | {"stream": True, "messages": [{"role": "user", "content": "one two please crash now"}]}

    events = client.post("/v1/chat/completions", json=crash).text.strip().split("\n\n")

    assert len(events) == 3
    assert "ended in the middle" in json.loads(events[-1].removeprefix("data: "))["error"]["message"]


def test_the_request_after_a_crash_is_answered(client: TestClient) -> None:
    crash = CHAT | {"stream": True, "messages": [{"role": "user", "content": "please crash"}]}
    client.post("/v1/chat/completions", json=crash)

    assert client.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_a_model_that_cannot_load_says_why(client: TestClient) -> None:
    status, error = refusal(client, CHAT | {"model": "unloadable:1b"})

    assert (status, error["type"]) == (502, "engine_error")
    assert "it says so in its name" in error["message"]


def test_completions_and_embeddings_go_the_same_way(client: TestClient) -> None:
    text = client.post("/v1/completions", json={"model": "echo:1b", "prompt": "and this"}).json()
    vector = client.post("/v1/embeddings", json={"model": "echo:1b", "input": "x"}).json()

    assert text["choices"][0]["message"]["content"] == "and this"
    assert vector["data"][0]["embedding"] == [1.0, 0.0]


def test_a_vector_is_cut_and_brought_to_length_one_again() -> None:
    answer = {"object": "list", "data": [{"index": 0, "embedding": [0.6, 0.8, 0.5]}], "usage": {"prompt_tokens": 1}}

    floats = shortened(answer, 2, as_base64=False)["data"][0]["embedding"]
    packed = shortened(answer, 2, as_base64=True)["data"][0]["embedding"]

    assert floats == pytest.approx([0.6, 0.8])
    assert struct.unpack("<2f", base64.b64decode(packed)) == pytest.approx((0.6, 0.8))


def test_more_numbers_than_a_vector_has_are_refused(client: TestClient) -> None:
    body = {"model": "echo:1b", "input": "x", "dimensions": 3}

    status, error = refusal(client, body, "/v1/embeddings")

    assert (status, error["param"]) == (400, "dimensions")
    assert client.post("/v1/embeddings", json=body | {"dimensions": 1}).json()["data"][0]["embedding"] == [1.0]


def test_the_usage_of_several_texts_counts_all_of_them(client: TestClient) -> None:
    answer = client.post("/v1/completions", json={"model": "echo:1b", "prompt": "one two", "n": 2}).json()

    assert [choice["text"].strip() for choice in answer["choices"]] == ["one two"] * 2
    assert answer["usage"]["completion_tokens"] == 4


def test_the_models_of_the_store_are_listed(client: TestClient) -> None:
    listed = [model["id"] for model in client.get("/v1/models").json()["data"]]

    assert listed == ["echo:1b", "unloadable:1b"]
    assert client.get("/v1/models/echo:1b").json()["object"] == "model"


def test_the_models_are_told_in_anthropics_words_too(client: TestClient) -> None:
    page = client.get("/v1/models").json()

    assert (page["first_id"], page["last_id"], page["has_more"]) == ("echo:1b", "unloadable:1b", False)
    assert (page["data"][0]["type"], page["data"][0]["display_name"]) == ("model", "echo:1b")
    assert page["data"][0]["created_at"].endswith("Z")


def test_a_client_that_goes_away_ends_its_answer(tmp_path: Path) -> None:
    endless = CHAT | {"stream": True, "messages": [{"role": "user", "content": "word " * 1000}]}

    sent = asyncio.run(pieces_sent_to_one_who_leaves(make_house(tmp_path), "/v1/chat/completions", json.dumps(endless)))

    assert 2 <= sent < 100

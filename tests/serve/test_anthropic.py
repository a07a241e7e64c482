"""The Anthropic dialect over echoes, judged by the official client."""

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam, ToolParam
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tests.serve.leaving import pieces_sent_to_one_who_leaves

ECHO = "echo:1b"
FIND: ToolParam = {"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


@pytest.fixture
def client(http: TestClient) -> Anthropic:
    return Anthropic(base_url="http://localhost", api_key="unused", http_client=http, max_retries=0)


def said(text: str) -> list[MessageParam]:
    return [{"role": "user", "content": text}]


def test_an_answer_is_one_block_of_text(client: Anthropic) -> None:
    answer = client.messages.create(model=ECHO, max_tokens=9, messages=said("say this back"))

    assert [block.to_dict() for block in answer.content] == [{"type": "text", "text": "say this back "}]
    assert (answer.role, answer.stop_reason, answer.stop_sequence) == ("assistant", "end_turn", None)


def test_tokens_from_the_cache_are_counted_apart(client: Anthropic) -> None:
    usage = client.messages.create(model=ECHO, max_tokens=9, system="one two", messages=said("three")).usage

    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (1, 2, 1)


def test_the_events_of_a_stream_come_in_order(client: Anthropic) -> None:
    events = client.messages.create(model=ECHO, max_tokens=9, messages=said("please think twice"), stream=True)

    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_stream_is_put_together_by_the_client(client: Anthropic) -> None:
    with client.messages.stream(model=ECHO, max_tokens=9, messages=said("say this")) as stream:
        words = list(stream.text_stream)
        whole = stream.get_final_message()

    assert words == ["say ", "this "]
    assert (whole.stop_reason, whole.usage.input_tokens, whole.usage.output_tokens) == ("end_turn", 2, 2)


def test_thinking_that_was_asked_for_is_a_block_of_its_own(client: Anthropic) -> None:
    asked: Any = {"type": "enabled", "budget_tokens": 1024}

    with client.messages.stream(
        model=ECHO, max_tokens=2000, messages=said("please think then"), thinking=asked
    ) as stream:
        thought, text = stream.get_final_message().content

    assert thought.to_dict() == {"type": "thinking", "thinking": "I am thinking.", "signature": "unsigned"}
    assert text.to_dict() == {"type": "text", "text": "then "}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_of_a_tool_is_a_block_with_its_input(client: Anthropic, streamed: bool) -> None:
    order = said("now please call find a b")

    with client.messages.stream(model=ECHO, max_tokens=9, messages=order, tools=[FIND]) as stream:
        told = stream.get_final_message()
    whole = client.messages.create(model=ECHO, max_tokens=9, messages=order, tools=[FIND])
    text, call = (told if streamed else whole).content

    assert text.to_dict()["text"] == "now "
    assert call.to_dict() == {"type": "tool_use", "id": "call-1", "name": "find", "input": {"words": "a b "}}
    assert (told.stop_reason, whole.stop_reason) == ("tool_use", "tool_use")


def test_what_a_tool_found_is_answered(client: Anthropic) -> None:
    conversation: list[MessageParam] = [
        *said("find it"),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "find", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "found it"}]},
    ]

    answer = client.messages.create(model=ECHO, max_tokens=9, messages=conversation, tools=[FIND])

    assert answer.content[0].to_dict()["text"] == "find returned: found it "


def test_the_stop_sequence_that_was_met_is_named(client: Anthropic) -> None:
    answer = client.messages.create(
        model=ECHO, max_tokens=9, messages=said("one two three"), stop_sequences=["none", "wo t"]
    )

    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "wo t")
    assert answer.content[0].to_dict()["text"] == "one t"


def test_an_answer_that_was_cut_says_so(client: Anthropic) -> None:
    answer = client.messages.create(model=ECHO, max_tokens=2, messages=said("one two three"))

    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 2)


def test_an_answer_without_a_word_has_one_empty_block(client: Anthropic) -> None:
    answer = client.messages.create(model=ECHO, max_tokens=2, messages=said(""))

    assert [block.to_dict() for block in answer.content] == [{"type": "text", "text": ""}]


def test_tokens_are_counted_before_anything_is_asked(client: Anthropic) -> None:
    counted = client.messages.count_tokens(model=ECHO, system="one two", messages=said("three four"))

    assert counted.input_tokens == 4


def test_what_clients_send_for_anthropics_own_servers_is_left_aside(client: Anthropic) -> None:
    cached: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]

    answer = client.beta.messages.create(
        model=ECHO,
        max_tokens=9,
        system=cached,
        messages=[{"role": "user", "content": cached}],
        metadata={"user_id": "somebody"},
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
        betas=["context-management-2025-06-27"],
        extra_body={"output_config": {"effort": "high"}, "some_field_of_tomorrow": 1},
    )

    assert answer.content[0].to_dict()["text"] == "Be brief. "


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mcp_servers": [{"type": "url", "url": "https://x.example", "name": "x"}]}, "mcp_servers"),
        ({"container": "some-container"}, "container"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
        ({"tools": [FIND], "tool_choice": {"type": "tool", "name": "seek"}}, "seek"),
        ({"temperature": "hot"}, "temperature"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "video"),
        ({"messages": []}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]},
            "base64",
        ),
    ],
)
def test_what_cannot_be_done_here_is_refused_by_name(client: Anthropic, more: dict[str, Any], field: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=field) as refused:
        client.messages.create(model=ECHO, max_tokens=9, messages=said("hello"), extra_body=more)

    assert refused.value.type == "invalid_request_error"


def test_an_unknown_model_is_not_found_with_the_nearest_names(client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="echo:1b") as refused:
        client.messages.create(model="eco:1b", max_tokens=9, messages=said("hello"))

    assert refused.value.type == "not_found_error"
    assert refused.value.request_id


def test_an_engine_that_cannot_load_is_the_servers_error(client: Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError, match="it says so in its name"):
        client.messages.create(model="unloadable:1b", max_tokens=9, messages=said("hello"))


def test_a_wrong_method_is_told_in_the_same_shape(http: TestClient) -> None:
    answer = http.get("/v1/messages")

    assert (answer.status_code, answer.json()["error"]["type"]) == (405, "invalid_request_error")


def test_an_engine_that_dies_in_mid_stream_ends_it_with_an_error_event(http: TestClient, client: Anthropic) -> None:
    crash: dict[str, Any] = {"model": ECHO, "max_tokens": 9, "messages": said("one please crash")}

    events = http.post("/v1/messages", json=crash | {"stream": True}).text

    assert '"text": "one "' in events
    assert events.strip().split("\n\n")[-1].startswith("event: error\n")
    with pytest.raises(anthropic.APIStatusError, match="ended in the middle"):
        list(client.messages.create(**crash, stream=True))


def test_an_engine_that_dies_before_a_whole_answer_is_no_answer(client: Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError, match="ended in the middle"):
        client.messages.create(model=ECHO, max_tokens=9, messages=said("one please crash"))


def test_a_client_that_goes_away_ends_its_answer(tmp_path: Path) -> None:
    body = {"model": ECHO, "max_tokens": 2000, "messages": said("word " * 1000), "stream": True}

    sent = asyncio.run(pieces_sent_to_one_who_leaves(make_house(tmp_path), "/v1/messages", json.dumps(body)))

    assert 2 <= sent < 100

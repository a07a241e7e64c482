"""Tools and structure over echoes: the question that reaches the engine, and the answer that a client hears."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.serve.structure import prepare

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": CITY}}]
CALL = '{"name": "weather", "arguments": {"city": "Rome"}}'


def chat(words: str, **more: Any) -> dict[str, Any]:
    return {"model": "echo:1b", "messages": [{"role": "user", "content": words}], "tools": TOOLS, **more}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


def chunks(client: TestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    *events, done = client.post("/v1/chat/completions", json=body | {"stream": True}).text.strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


NAMED = {"type": "function", "function": {"name": "weather"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}


@pytest.mark.parametrize("choice", ["auto", "required", NAMED, ALLOWED])
def test_a_call_in_the_text_is_told_as_a_call(client: TestClient, choice: Any) -> None:
    answer = client.post("/v1/chat/completions", json=chat(CALL, tool_choice=choice)).json()["choices"][0]

    assert (answer["finish_reason"], answer["message"]["content"]) == ("tool_calls", None)
    function = answer["message"]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("weather", {"city": "Rome"})


def test_a_streamed_call_comes_in_pieces_with_its_name_first(client: TestClient) -> None:
    heard = chunks(client, chat(CALL, tool_choice="required", stream_options={"include_usage": True}))

    pieces = [call for chunk in heard for one in chunk["choices"] for call in one["delta"].get("tool_calls", [])]
    assert (pieces[0]["index"], pieces[0]["function"]) == (0, {"name": "weather", "arguments": ""})
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == {"city": "Rome"}
    assert heard[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert (heard[-1]["choices"], heard[-1]["usage"]["completion_tokens"]) == ([], 5)


def test_with_none_a_call_stays_text(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=chat(CALL, tool_choice="none")).json()["choices"][0]

    assert (answer["message"]["content"], answer["finish_reason"]) == (CALL, "stop")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tools": TOOLS * 2}, "tools"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": "weather"}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "sometimes", "tools": [NAMED]}}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "wether"}}}, "tool_choice"),
        ({"grammar": "root ::= [a]"}, "grammar"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}},
            "response_format.json_schema.schema.not",
        ),
        ({"json_schema": {"pattern": "("}}, "json_schema.pattern"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(client: TestClient, change: dict[str, Any], field: str) -> None:
    answer = client.post("/v1/chat/completions", json=chat("hello") | change)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_the_model_is_shown_all_tools_whichever_it_must_call() -> None:
    other = {"type": "function", "function": {"name": "clock"}}

    ready = prepare(chat("hello", tool_choice=NAMED) | {"tools": [*TOOLS, other]}, "{{ tools }}", context=100)

    assert ready.body["tools"] == [*TOOLS, other]
    assert "clock" not in ready.body["grammar"]


def test_a_template_that_knows_tools_tells_of_them_itself() -> None:
    ready = prepare(chat("hello", tool_choice="required"), "{{ tools }}", context=100)

    assert (ready.body["tools"], ready.body["tool_choice"]) == (TOOLS, "none")
    assert ready.body["messages"] == chat("hello")["messages"]
    assert '\\"weather\\"' in ready.body["grammar"]


def test_a_template_that_knows_no_tools_is_told_of_them_in_words() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": json.loads(CALL)}]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    ready = prepare(chat("") | {"messages": turns}, None, context=100)

    assert "tools" not in ready.body
    system, assistant, result = ready.body["messages"]
    assert system["content"].startswith("Be brief.\n\nYou can call these functions:")
    assert assistant["content"].startswith('{"name": "weather", "arguments": ')
    assert result == {"role": "user", "content": "weather returned: sunny"}


def test_an_answer_may_be_a_call_or_have_a_form() -> None:
    ready = prepare(chat("hello", response_format={"type": "json_object"}), None, context=100)

    assert ready.body["grammar"].startswith('root ::= "<tool_call>" (')
    assert ready.reading is not None


def test_what_asks_for_nothing_of_the_kind_is_left_alone() -> None:
    asked = {"messages": [{"role": "user", "content": "hello"}], "response_format": {"type": "text"}}

    ready = prepare(asked, None, context=100)

    assert (ready.body, ready.reading) == ({"messages": asked["messages"]}, None)


def test_the_usage_of_several_choices_counts_all_of_them(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=chat("one two three", n=2, tools=None)).json()

    assert answer["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 6,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assert [choice["message"]["content"].strip() for choice in answer["choices"]] == ["one two three"] * 2

"""The responses API over echoes, judged by its official client."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from tests.serve.house import make_house

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "name": "weather", "description": "d", "parameters": CITY, "strict": True}]
CALL = '{"name": "weather", "arguments": {"city": "Rome"}}'


@pytest.fixture
def house(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


@pytest.fixture
def client(house: TestClient) -> OpenAI:
    return OpenAI(base_url="http://localhost/v1", api_key="unused", max_retries=0, http_client=house)


def test_a_question_is_answered(client: OpenAI) -> None:
    answer = client.responses.create(model="echo:1b", input="say this back", metadata={"k": "v"})

    assert (answer.status, answer.output_text.strip(), answer.metadata) == ("completed", "say this back", {"k": "v"})
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (3, 3, 6)


def test_a_stream_tells_each_step_in_order(client: OpenAI) -> None:
    events = list(client.responses.create(model="echo:1b", input="please think aloud", stream=True))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type.removeprefix("response.") for event in events] == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        "completed",
    ]


def test_the_clients_own_reading_of_a_stream_is_the_whole_response(client: OpenAI) -> None:
    with client.responses.stream(model="echo:1b", input="one two three") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()

    assert said == final.output_text == "one two three "
    assert final.status == "completed"


def test_a_call_is_streamed_and_its_result_is_taken(client: OpenAI) -> None:
    with client.responses.stream(model="echo:1b", input=CALL, tools=TOOLS, tool_choice="required") as stream:
        types = [event.type for event in stream]
        call: Any = stream.get_final_response().output[0]
    result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    after = client.responses.create(
        model="echo:1b", input=result, tools=TOOLS, previous_response_id=stream.get_final_response().id
    )

    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Rome"})
    assert types.count("response.function_call_arguments.delta") > 1
    assert types.count("response.function_call_arguments.done") == 1
    assert after.output_text.strip() == "weather returned: sunny"


def test_a_conversation_goes_on_from_a_response_and_is_read_back(client: OpenAI) -> None:
    first = client.responses.create(model="echo:1b", input="one")
    second = client.responses.create(model="echo:1b", input="two", previous_response_id=first.id)

    items = client.responses.input_items.list(second.id, order="asc")
    texts: list[str] = [item.to_dict()["content"][0]["text"] for item in items]  # type: ignore[index]  # messages all

    assert [text.strip() for text in texts] == ["one", "one", "two"]
    assert client.responses.retrieve(second.id).output_text == second.output_text
    assert second.usage is not None
    assert second.usage.input_tokens == 3


def test_a_response_that_was_deleted_or_not_stored_is_not_found(client: OpenAI) -> None:
    deleted = client.responses.create(model="echo:1b", input="one").id
    client.responses.delete(deleted)
    unkept = client.responses.create(model="echo:1b", input="one", store=False).id

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(deleted)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(unkept)
    with pytest.raises(openai.BadRequestError, match="previous response"):
        client.responses.create(model="echo:1b", input="two", previous_response_id=unkept)


def test_an_answer_that_is_cut_is_incomplete(client: OpenAI) -> None:
    answer = client.responses.create(model="echo:1b", input="one two three four", max_output_tokens=2)

    assert (answer.status, answer.output_text) == ("incomplete", "one two ")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_an_engine_that_dies_in_mid_stream_fails_the_response(client: OpenAI) -> None:
    *_, last = client.responses.create(model="echo:1b", input="one two please crash now", stream=True)

    assert last.type == "response.failed"
    assert last.response.error is not None
    assert "ended in the middle" in last.response.error.message


def test_instructions_are_not_carried_over(client: OpenAI) -> None:
    first = client.responses.create(model="echo:1b", input="one", instructions="a b c d")
    second = client.responses.create(model="echo:1b", input="two", previous_response_id=first.id)

    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.input_tokens, second.usage.input_tokens) == (5, 3)


def test_the_input_is_counted(client: OpenAI) -> None:
    assert client.responses.input_tokens.count(model="echo:1b", input="one two three").input_tokens == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"input": [{"type": "mcp_call"}]}, "input.0.type"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content.0"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "input.0.call_id"),
        ({"input": []}, "input"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"background": True}, "background"),
        ({"text": {"format": {"type": "json_schema", "schema": {"not": {}}}}}, "text.format.schema.not"),
        ({"inputs": "x"}, "inputs"),
        ({"previous_response_id": "resp_none"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(house: TestClient, change: dict[str, Any], field: str) -> None:
    answer = house.post("/v1/responses", json={"model": "echo:1b", "input": "x"} | change)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_a_kept_response_is_told_again_as_events(client: OpenAI) -> None:
    came = list(client.responses.create(model="echo:1b", input="please think aloud", stream=True))
    last: Any = came[-1]

    again = list(client.responses.retrieve(last.response.id, stream=True))

    pieces = "response.reasoning_text.delta"  # of which there were two
    assert [event.type for event in again] == [event.type for event in came if event != came[5]]
    assert came[5].type == pieces
    assert [event.sequence_number for event in again] == list(range(len(again)))
    assert again[-1].to_dict()["response"] == last.to_dict()["response"]


def test_a_call_is_told_again_from_where_the_client_left(client: OpenAI) -> None:
    kept = client.responses.create(model="echo:1b", input=CALL, tools=TOOLS, tool_choice="required")

    again = list(client.responses.retrieve(kept.id, stream=True, starting_after=2))

    assert [event.type for event in again] == [
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]

"""Structure and tools, guaranteed: a model of 135M parameters that knows no tools, at temperature 1."""

import json
from typing import Any

import jsonschema_rs
import pytest
from openai import OpenAI

from tests.journeys.running import STARTER, Running
from tests.serve.structure.schemas import SCHEMAS

pytestmark = pytest.mark.slow
ASK: list[Any] = [{"role": "user", "content": "Tell me about a cat named Tom, in JSON."}]
FORECAST = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
    },
    "required": ["city", "days"],
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "forecast", "parameters": FORECAST}},
    {"type": "function", "function": {"name": "ring", "parameters": {"type": "object", "properties": {}}}},
]


@pytest.fixture
def client(box: Running) -> OpenAI:
    return OpenAI(base_url=f"{box.address}/v1", api_key="not-needed", max_retries=0)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_is_what_its_schema_asks_for(client: OpenAI, name: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "cat", "schema": SCHEMAS[name]}}

    answer = client.chat.completions.create(
        model=STARTER, messages=ASK, response_format=form, temperature=1, seed=1, n=2, max_tokens=400
    )

    validator = jsonschema_rs.validator_for(SCHEMAS[name], validate_formats=True)
    whole = [choice.message.content or "" for choice in answer.choices if choice.finish_reason == "stop"]
    assert [text for text in whole if not validator.is_valid(json.loads(text))] == []


@pytest.mark.parametrize("seed", range(8))
def test_a_required_call_is_made_and_its_arguments_are_right(client: OpenAI, seed: int) -> None:
    answer = client.chat.completions.create(
        model=STARTER, messages=ASK, tools=TOOLS, tool_choice="required", temperature=1, seed=seed, max_tokens=300
    )

    calls: list[Any] = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    assert {call.function.name for call in calls} <= {"forecast", "ring"}
    arguments = [json.loads(call.function.arguments) for call in calls if call.function.name == "forecast"]
    assert [one for one in arguments if not jsonschema_rs.is_valid(FORECAST, one)] == []


def test_a_named_call_is_that_call_also_in_a_stream(client: OpenAI) -> None:
    choice: Any = {"type": "function", "function": {"name": "forecast"}}

    with client.chat.completions.stream(
        model=STARTER, messages=ASK, tools=TOOLS, tool_choice=choice, seed=1, max_tokens=100
    ) as stream:
        pieces = [event for event in stream if event.type == "tool_calls.function.arguments.delta"]
        whole = stream.get_final_completion().choices[0].message.tool_calls or []

    assert [call.function.name for call in whole] == ["forecast"]
    assert len(pieces) > 3
    assert jsonschema_rs.is_valid(FORECAST, json.loads("".join(piece.arguments_delta for piece in pieces)))


def test_an_unguided_answer_makes_no_call(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=STARTER,
        messages=[{"role": "user", "content": "What is the capital of France? Answer in one word."}],
        tools=TOOLS,
        max_tokens=16,
        temperature=0,
    )

    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content

"""The responses API with real weights, judged by its official client."""

import json
from typing import Any

import jsonschema_rs
import pytest
from openai import OpenAI

from tests.journeys.running import STARTER, Running

pytestmark = pytest.mark.slow
AGE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOL: Any = {
    "type": "function",
    "name": "remember",
    "description": "Remember a person",
    "parameters": AGE,
    "strict": True,
}


@pytest.fixture
def client(box: Running) -> OpenAI:
    return OpenAI(base_url=f"{box.address}/v1", api_key="not-needed", max_retries=0)


def test_a_conversation_goes_on(client: OpenAI) -> None:
    first = client.responses.create(
        model=STARTER, input="My name is Ada. Say hello.", max_output_tokens=16, temperature=0
    )
    second = client.responses.create(
        model=STARTER, input="What is my name?", previous_response_id=first.id, max_output_tokens=24, temperature=0
    )

    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens + 10
    assert second.output_text


def test_an_answer_has_the_form_that_was_asked_for(client: OpenAI) -> None:
    form: Any = {"format": {"type": "json_schema", "name": "person", "schema": AGE, "strict": True}}

    with client.responses.stream(
        model=STARTER, input="Who are you?", text=form, max_output_tokens=100, temperature=1
    ) as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")

    assert jsonschema_rs.is_valid(AGE, json.loads(said))


def test_a_required_call_is_made_and_answered(client: OpenAI) -> None:
    first = client.responses.create(
        model=STARTER,
        input="Ada is 36.",
        tools=[TOOL],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=1,
    )
    call: Any = first.output[0]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Remembered."}
    after = client.responses.create(
        model=STARTER,
        input=[result],
        tools=[TOOL],
        tool_choice="none",
        previous_response_id=first.id,
        max_output_tokens=16,
        temperature=0,
    )

    assert jsonschema_rs.is_valid(AGE, json.loads(call.arguments))
    assert after.output[0].type == "message"


def test_a_conversation_that_is_too_long_loses_its_beginning(client: OpenAI) -> None:
    turns: Any = [{"role": "user", "content": f"{number} " * 100} for number in range(30)]

    answer = client.responses.create(model=STARTER, input=turns, truncation="auto", max_output_tokens=16)

    assert answer.usage is not None
    assert 300 < answer.usage.input_tokens < 1024 - 16


def test_several_choices_are_counted_together(client: OpenAI) -> None:
    chat = client.chat.completions.create(
        model=STARTER,
        messages=[{"role": "user", "content": "Count."}],
        n=2,
        max_tokens=8,
        extra_body={"ignore_eos": True},
    )
    text = client.completions.create(
        model=STARTER, prompt=["One,", "Two,"], max_tokens=8, extra_body={"ignore_eos": True}
    )

    assert chat.usage is not None
    assert text.usage is not None
    assert (len(chat.choices), chat.usage.completion_tokens) == (2, 16)
    assert (len(text.choices), text.usage.completion_tokens) == (2, 16)


def test_a_vector_can_be_shorter(client: OpenAI) -> None:
    vector = client.embeddings.create(model=STARTER, input="x", dimensions=64).data[0].embedding

    assert len(vector) == 64
    assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-5)

"""Anthropic's official client against a real box with real weights."""

from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam, ToolParam

from tests.journeys.running import STARTER, Running

pytestmark = pytest.mark.slow
CAPITAL: list[MessageParam] = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
CALM = {"temperature": 0}  # a field that the client no longer offers, and that the API still has
RULES = "\n".join(f"Rule {number}: be kind to number {number}." for number in range(40))


@pytest.fixture
def client(box: Running) -> Iterator[Anthropic]:
    with Anthropic(base_url=box.address, api_key="not-needed", max_retries=0) as client:
        yield client


def test_a_question_is_answered(client: Anthropic) -> None:
    answer = client.messages.create(model=STARTER, messages=CAPITAL, max_tokens=16, extra_body=CALM)

    assert "Paris" in str(answer.content[0].to_dict()["text"])
    assert answer.stop_reason == "end_turn"
    assert 0 < answer.usage.output_tokens <= 16


def test_a_streamed_answer_is_the_same_answer(client: Anthropic) -> None:
    whole = client.messages.create(model=STARTER, messages=CAPITAL, max_tokens=16, extra_body=CALM)

    with client.messages.stream(model=STARTER, messages=CAPITAL, max_tokens=16, extra_body=CALM) as stream:
        told = stream.get_final_message()

    assert told.content[0].to_dict() == whole.content[0].to_dict()
    assert told.usage.output_tokens == whole.usage.output_tokens


def test_what_was_counted_is_what_is_read(client: Anthropic) -> None:
    counted = client.messages.count_tokens(model=STARTER, messages=CAPITAL, system="Be brief.")

    usage = client.messages.create(model=STARTER, messages=CAPITAL, system="Be brief.", max_tokens=1).usage

    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_a_first_line_that_changes_at_every_turn_leaves_the_cache_alone(client: Anthropic) -> None:
    def turn(billing: str, clock: str, messages: list[MessageParam]) -> anthropic.types.Message:
        system = f"x-anthropic-billing-header: cch={billing};\nCurrent time: {clock}\n{RULES}"
        return client.messages.create(model=STARTER, system=system, messages=messages, max_tokens=8, extra_body=CALM)

    first = turn("4f2a1", "21:03:47", CAPITAL)
    again: list[MessageParam] = [{"role": "user", "content": "And of Italy?"}]
    second = turn("9c0de", "21:04:12", [*CAPITAL, {"role": "assistant", "content": first.content}, *again])

    read = first.usage.input_tokens + (first.usage.cache_read_input_tokens or 0)
    assert (second.usage.cache_read_input_tokens or 0) > 0.9 * read


def test_the_stop_sequence_that_was_met_is_named(client: Anthropic) -> None:
    answer = client.messages.create(
        model=STARTER, messages=CAPITAL, max_tokens=16, extra_body=CALM, stop_sequences=["zzz", "France"]
    )

    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "France")
    assert answer.content[0].to_dict()["text"] == "The capital of "
    assert 0 < answer.usage.output_tokens < 16


def test_a_tool_that_must_be_called_is_called_with_what_it_takes(client: Anthropic) -> None:
    city: ToolParam = {
        "name": "weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }

    with client.messages.stream(
        model=STARTER, messages=CAPITAL, max_tokens=120, tools=[city], tool_choice={"type": "any"}, extra_body=CALM
    ) as stream:
        answer = stream.get_final_message()

    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert (call.name, list(call.input)) == ("weather", ["city"])


def test_an_answer_goes_on_where_the_client_began_it(client: Anthropic) -> None:
    begun: list[MessageParam] = [*CAPITAL, {"role": "assistant", "content": "The capital of France is"}]

    answer = client.messages.create(model=STARTER, messages=begun, max_tokens=4, extra_body=CALM)

    assert str(answer.content[0].to_dict()["text"]).startswith(" Paris")


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(client: Anthropic) -> None:
    long: list[MessageParam] = [{"role": "user", "content": "word " * 2000}]

    with pytest.raises(anthropic.BadRequestError, match=r"prompt has 20\d\d tokens; the context holds 1024"):
        client.messages.create(model=STARTER, messages=long, max_tokens=9, stream=True)


def test_an_image_for_a_model_that_cannot_see_is_refused(client: Anthropic) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    look: list[MessageParam] = [
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}],
        }
    ]

    with pytest.raises(anthropic.BadRequestError, match="image input is not supported"):
        client.messages.create(model=STARTER, messages=look, max_tokens=9)


def test_a_client_that_goes_away_ends_its_answer(client: Anthropic, box: Running) -> None:
    story: list[MessageParam] = [{"role": "user", "content": "Tell a very long story about a river."}]

    with client.messages.stream(model=STARTER, messages=story, max_tokens=900) as stream:
        next(iter(stream.text_stream))

    assert box.falls_idle(within=8)  # left alone, it would go on for longer

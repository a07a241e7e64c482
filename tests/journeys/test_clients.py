"""The official client against a real box with real weights."""

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.journeys.running import PATIENCE, STARTER, Running

pytestmark = pytest.mark.slow
CAPITAL: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France? Answer in one word."}
]


@pytest.fixture
def client(box: Running) -> OpenAI:
    return OpenAI(base_url=f"{box.address}/v1", api_key="not-needed", max_retries=0)


def test_the_store_is_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [STARTER]


def test_a_question_is_answered(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=STARTER, messages=CAPITAL, max_tokens=16, temperature=0)

    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 16


def test_a_streamed_answer_is_the_same_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(model=STARTER, messages=CAPITAL, max_tokens=16, temperature=0, seed=1)

    pieces = client.chat.completions.create(
        model=STARTER, messages=CAPITAL, max_tokens=16, temperature=0, seed=1, stream=True
    )

    said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert said == whole.choices[0].message.content


def test_a_text_is_completed(client: OpenAI) -> None:
    answer = client.completions.create(model=STARTER, prompt="One, two, three,", max_tokens=4, temperature=0)

    assert "four" in answer.choices[0].text


def test_texts_become_vectors_of_length_one_that_tell_them_apart(client: OpenAI) -> None:
    texts = ["The cat sat on the mat.", "The cat sat on the mat.", "Interest rates rose in March."]

    cat, same, other = (item.embedding for item in client.embeddings.create(model=STARTER, input=texts).data)

    assert len(cat) == 576
    assert dot(cat, same) == pytest.approx(1, abs=1e-3)
    assert dot(cat, other) < 0.95


def test_json_is_made_to_order(client: OpenAI) -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}

    answer = client.chat.completions.create(
        model=STARTER,
        messages=[{"role": "user", "content": "How old are you?"}],
        response_format={"type": "json_schema", "json_schema": {"name": "age", "schema": schema}},
        max_tokens=64,
        temperature=0,
    )

    assert '"age"' in (answer.choices[0].message.content or "")


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="smollm2:135m"):
        client.chat.completions.create(model="smollm2:136m", messages=CAPITAL)


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(client: OpenAI) -> None:
    long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "word " * 2000}]

    with pytest.raises(openai.BadRequestError, match=r"prompt has 20\d\d tokens; the context holds 1024") as refused:
        client.chat.completions.create(model=STARTER, messages=long)

    assert refused.value.code == "context_length_exceeded"


def test_a_wrong_parameter_is_refused_by_name(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="temprature"):
        client.chat.completions.create(model=STARTER, messages=CAPITAL, extra_body={"temprature": 1})


def test_a_foreign_page_is_refused(box: Running) -> None:
    refused = httpx2.get(f"{box.address}/v1/models", headers={"Origin": "https://evil.example"}, timeout=PATIENCE)

    assert refused.status_code == 403


def test_the_description_lists_what_is_served(box: Running) -> None:
    paths = httpx2.get(f"{box.address}/openapi.json", timeout=PATIENCE).json()["paths"]

    assert {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/box/ps"} <= set(paths)


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))

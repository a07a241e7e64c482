"""Ollama's official client against a real box with real weights."""

from collections.abc import Iterator

import ollama
import pytest

from tests.journeys.running import STARTER, Running

pytestmark = pytest.mark.slow
CAPITAL = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
BRIEF = {"num_predict": 16, "temperature": 0}


@pytest.fixture
def client(box: Running) -> Iterator[ollama.Client]:
    with ollama.Client(box.address) as client:
        yield client


def test_a_question_is_answered_with_figures(client: ollama.Client) -> None:
    answer = client.chat(STARTER, CAPITAL, options=BRIEF)

    assert "Paris" in (answer.message.content or "")
    assert 0 < (answer.eval_count or 0) <= 16
    assert (answer.prompt_eval_count or 0) > 10
    assert 0 < (answer.eval_duration or 0) < (answer.total_duration or 0)


def test_a_streamed_answer_is_the_same_answer(client: ollama.Client) -> None:
    whole = client.chat(STARTER, CAPITAL, options=BRIEF).message.content

    lines = client.chat(STARTER, CAPITAL, options=BRIEF, stream=True)

    assert "".join(line.message.content or "" for line in lines) == whole


def test_a_bare_prompt_is_gone_on_with(client: ollama.Client) -> None:
    answer = client.generate(STARTER, "One, two, three,", raw=True, options={"num_predict": 4, "temperature": 0})

    assert "four" in (answer.response or "")
    assert answer.done_reason == "length"


def test_an_answer_has_the_form_that_was_asked_for(client: ollama.Client) -> None:
    form = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}

    answer = client.generate(STARTER, "How old are you?", format=form, options={"num_predict": 64, "temperature": 0})

    assert '"age"' in (answer.response or "")


def test_a_gap_cannot_be_filled_by_a_model_that_never_learnt_to(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="Infill is not supported by this model") as refused:
        client.generate(STARTER, "def half(x):", suffix="return y", options=BRIEF)

    assert refused.value.status_code == 400


def test_of_a_text_that_is_too_long_the_start_becomes_the_vector(client: ollama.Client) -> None:
    short, long = client.embed(STARTER, ["A cat.", "word " * 700]).embeddings

    assert (len(short), len(long)) == (576, 576)
    with pytest.raises(ollama.ResponseError, match=r"70\d tokens; this model reads at most 512"):
        client.embed(STARTER, "word " * 700, truncate=False)


def test_the_model_is_listed_described_and_seen_at_work(client: ollama.Client) -> None:
    client.generate(STARTER, "")

    assert [model.model for model in client.list().models] == [STARTER]
    assert (client.show(STARTER).modelinfo or {})["general.architecture"] == "llama"
    assert client.ps().models[0].context_length == 1024


def test_a_client_that_goes_away_ends_its_answer(client: ollama.Client, box: Running) -> None:
    story = [{"role": "user", "content": "Tell a very long story about a river."}]
    lines = client.chat(STARTER, story, options={"num_predict": 900}, stream=True)

    next(lines)
    lines.close()  # type: ignore[attr-defined]  # it is a generator, and says that it is an iterator

    assert box.falls_idle(within=8)  # left alone, it would go on for longer

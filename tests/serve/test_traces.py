"""What is told of answers where they are traced."""

import asyncio
import sys
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from tests.serve.house import make_house
from tinderbox.errors import WrongUsage
from tinderbox.learning import Timings
from tinderbox.serve.traces import Answer, Tracing, note, open_traces, spans

TIMINGS = Timings(
    "a:1b", read=10, read_per_second=1.0, cached=30, generated=5, generated_per_second=1.0, first=0.2, took=0.5
)
ASKED = {"model": "echo:1b", "messages": [{"role": "user", "content": "a secret word"}]}


def ask(home: Path, path: str = "/v1/chat/completions", **change: object) -> Answer:
    """The answer that was recorded for one question."""
    told: list[Answer] = []
    house = TestClient(Tracing(make_house(home), told.append), base_url="http://localhost")

    house.post(path, json=ASKED | change, headers={"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
    house.get("/v1/models")

    (answer,) = told
    return answer


def test_an_answer_is_told_by_the_names_that_the_field_agreed_on() -> None:
    assert Answer("chat", begun=0, model="a:1b", timings=TIMINGS).attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "tinderbox",
        "gen_ai.request.model": "a:1b",
        "gen_ai.response.model": "a:1b",
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.2,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_each_answer_is_recorded_with_its_model_but_not_its_words(tmp_path: Path, stream: bool) -> None:
    answer = ask(tmp_path, stream=stream)

    assert (answer.name, answer.failure, answer.parent[:4]) == ("chat echo:1b", None, "00-1")
    assert answer.begun < answer.ended
    assert "secret" not in str(answer)


def test_what_becomes_known_on_the_way_is_the_answers_own() -> None:
    async def say(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.create_task(hear())
        await PlainTextResponse("said")(scope, receive, send)

    async def hear() -> None:
        note(model="a:1b", timings=TIMINGS)

    told: list[Answer] = []
    TestClient(Tracing(say, told.append)).post("/v1/completions")
    note(model="nobody's")

    assert [(answer.name, answer.timings) for answer in told] == [("text_completion a:1b", TIMINGS)]


def test_a_refusal_is_recorded_by_its_status(tmp_path: Path) -> None:
    answer = ask(tmp_path, temprature=1)

    assert (answer.name, answer.attributes["error.type"]) == ("chat", "400")


def test_an_answer_that_breaks_in_the_middle_is_recorded_by_its_kind(tmp_path: Path) -> None:
    broken = [{"role": "user", "content": "one two please crash now"}]

    answer = ask(tmp_path, messages=broken, stream=True)

    assert (answer.name, answer.failure, answer.timings) == ("chat echo:1b", "EngineFailed", None)


def test_without_the_libraries_the_setting_is_an_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(WrongUsage, match=r"pip install 'tinderbox-ai\[otel\]'"):
        open_traces("http://127.0.0.1:4318")


def test_a_span_lies_below_the_askers_own() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    parent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"

    spans(provider.get_tracer("t"))(Answer("chat", 1_000, parent, 5_000, "a:1b", TIMINGS, "EngineFailed"))

    (span,) = kept.get_finished_spans()
    assert (span.name, span.start_time, span.end_time) == ("chat a:1b", 1_000, 5_000)
    assert (span.parent.span_id, span.context.trace_id) == (int("2" * 16, 16), int("1" * 32, 16))
    assert (span.attributes["error.type"], span.status.is_ok) == ("EngineFailed", False)

"""The Ollama dialect over echoes, judged by the official client."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest
from starlette.testclient import TestClient

from tests.models.gguf_writer import llama
from tests.serve.house import make_house
from tests.serve.leaving import pieces_sent_to_one_who_leaves

ECHO = "echo:1b"
FIND = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Bridge(httpx.BaseTransport):
    """The house as a transport for the client's own HTTP library."""

    def __init__(self, http: TestClient) -> None:
        self._http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content, headers = request.read(), dict(request.headers)
        answer = self._http.request(request.method, str(request.url), content=content, headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as http:
        yield http


@pytest.fixture
def client(http: TestClient) -> ollama.Client:
    return ollama.Client("http://localhost", transport=Bridge(http))


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_a_chat_is_answered(client: ollama.Client) -> None:
    answer = client.chat(ECHO, said("say this back"))

    assert (answer.message.role, answer.message.content) == ("assistant", "say this back ")
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (3, 3)
    assert (answer.total_duration or 0) >= (answer.load_duration or 0) > 0


def test_a_chat_comes_line_by_line(client: ollama.Client) -> None:
    lines = list(client.chat(ECHO, said("say this"), stream=True))

    assert [line.message.content for line in lines] == ["say ", "this ", ""]
    assert [line.done for line in lines] == [False, False, True]


def test_lines_are_what_comes_unless_one_answer_is_asked_for(http: TestClient) -> None:
    answer = http.post("/api/chat", json={"model": ECHO, "messages": said("hello")})

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["done"] for line in answer.text.splitlines()] == [False, True]


def test_a_prompt_is_answered(client: ollama.Client) -> None:
    whole = client.generate(ECHO, "say this", system="Be brief.")
    lines = list(client.generate(ECHO, "say this", stream=True))

    assert whole.response == "say this "
    assert [line.response for line in lines] == ["say ", "this ", ""]


@pytest.mark.parametrize("more", [{"raw": True}, {"suffix": "the end"}], ids=["raw", "a gap to fill"])
def test_a_prompt_without_a_template_goes_as_it_is(client: ollama.Client, more: dict[str, Any]) -> None:
    assert client.generate(ECHO, "say this", **more).response == "say this "


def test_a_model_is_found_by_ollamas_name_for_it(client: ollama.Client) -> None:
    answer = client.chat("echo:latest", said("hello"))

    assert (answer.model, answer.message.content) == ("echo:latest", "hello ")


def test_thinking_is_told_apart(client: ollama.Client) -> None:
    shown = client.chat(ECHO, said("please think then"), think=True).message
    hidden = client.chat(ECHO, said("please think then"), think=False).message

    assert (shown.thinking, shown.content) == ("I am thinking.", "then ")
    assert (hidden.thinking, hidden.content) == (None, "then ")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_of_a_tool_comes_whole(client: ollama.Client, streamed: bool) -> None:
    order = said("now please call find a b")

    lines = list(client.chat(ECHO, order, tools=[FIND], stream=True))
    whole = client.chat(ECHO, order, tools=[FIND])
    told = [call for line in lines for call in line.message.tool_calls or []]
    (call,) = told if streamed else whole.message.tool_calls or []

    assert (call.function.name, call.function.arguments) == ("find", {"words": "a b "})


def test_what_a_tool_found_is_answered(client: ollama.Client) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": {}}}]}
    found = {"role": "tool", "tool_name": "find", "content": "found it"}

    answer = client.chat(ECHO, [*said("find it"), call, found], tools=[FIND])

    assert answer.message.content == "find returned: found it "


def test_an_answer_that_was_cut_says_so(client: ollama.Client) -> None:
    answer = client.chat(ECHO, said("one two three"), options={"num_predict": 2, "num_gpu": 99})

    assert (answer.message.content, answer.done_reason) == ("one two ", "length")


def test_a_model_is_loaded_ahead_and_unloaded(client: ollama.Client) -> None:
    assert client.generate(ECHO, "").done_reason == "load"
    assert [model.model for model in client.ps().models] == [ECHO]
    assert client.generate(ECHO, "", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []


@pytest.mark.parametrize(("keep_alive", "left"), [(0, []), ("0s", []), ("5m", [ECHO]), (-1, [ECHO])])
def test_a_model_leaves_after_the_answer_that_wants_it_to(
    client: ollama.Client, keep_alive: Any, left: list[str]
) -> None:
    assert client.chat(ECHO, said("hello"), keep_alive=keep_alive).message.content == "hello "

    assert [model.model for model in client.ps().models] == left


def test_texts_become_vectors(client: ollama.Client) -> None:
    answer = client.embed(ECHO, ["tuv", "abc"])

    assert answer.embeddings == [[1.0, 0.0], [0.0, 1.0]]
    assert answer.prompt_eval_count == 2
    assert client.embed(ECHO, "tuv", dimensions=1).embeddings == [[1.0]]
    assert client.embeddings(ECHO, "abc").embedding == [0.0, 1.0]


def test_the_store_is_listed(client: ollama.Client) -> None:
    first = client.list().models[0]

    assert first.model == ECHO
    assert first.details is not None
    assert (first.details.family, first.details.quantization_level) == ("llama", "Q8_0")


def test_a_model_is_described(client: ollama.Client) -> None:
    shown = client.show(ECHO)

    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 2048
    assert shown.capabilities == ["completion", "tools"]


def test_a_model_is_deleted_even_while_it_is_loaded(client: ollama.Client) -> None:
    client.generate(ECHO, "")

    client.delete(ECHO)

    assert [model.model for model in client.list().models] == ["unloadable:1b"]


def test_a_model_that_is_pulled_reports_line_by_line(client: ollama.Client, tmp_path: Path) -> None:
    file = llama().write(tmp_path / "mine.gguf")

    lines = list(client.pull(str(file), stream=True))

    assert lines[-1].status == "success"
    assert "mine" in [model.model for model in client.list().models]


def test_a_pull_that_fails_says_why(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="no-such-model") as refused:
        client.pull("no-such-model:1b")
    with pytest.raises(ollama.ResponseError, match="no-such-model"):
        list(client.pull("no-such-model:1b", stream=True))
    assert refused.value.status_code == 404


@pytest.mark.parametrize(
    ("more", "said_of_it"),
    [
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"context": [1, 2]}, "/api/chat"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"logprobs": True}, "logprobs"),
        ({"images": ["no image"]}, "base64"),
        ({"images": ["aGVsbG8gd29ybGQgaGVsbG8="]}, "PNG"),
        ({"format": "xml"}, "format"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(http: TestClient, more: dict[str, Any], said_of_it: str) -> None:
    answer = http.post("/api/generate", json={"model": ECHO, "prompt": "hello", **more})

    assert answer.status_code == 400
    assert said_of_it in answer.json()["error"]


def test_an_unknown_model_is_not_found(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="echo:1b") as refused:
        client.chat("eco:1b", said("hello"))

    assert refused.value.status_code == 404


def test_an_engine_that_dies_in_mid_stream_ends_it_with_an_error(http: TestClient, client: ollama.Client) -> None:
    crash = said("one please crash")

    lines = http.post("/api/chat", json={"model": ECHO, "messages": crash}).text.splitlines()

    assert json.loads(lines[0])["message"]["content"] == "one "
    assert "ended in the middle" in json.loads(lines[-1])["error"]
    with pytest.raises(ollama.ResponseError, match="ended in the middle"):
        client.chat(ECHO, crash)


def test_clients_that_ask_whether_somebody_is_there_hear_yes(http: TestClient) -> None:
    assert http.head("/").status_code == 200
    assert http.get("/api/version").json()["version"].count(".") == 2


def test_a_client_that_goes_away_ends_its_answer(tmp_path: Path) -> None:
    body = {"model": ECHO, "messages": said("word " * 1000)}

    sent = asyncio.run(pieces_sent_to_one_who_leaves(make_house(tmp_path), "/api/chat", json.dumps(body)))

    assert 2 <= sent < 100

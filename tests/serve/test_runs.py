"""Agents and their runs over HTTP, and agents as models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.keys import add_key, make_key

NOTES = 'model = "echo:1b"\ninstructions = "Answer."\n[tools.files]\n'


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A house with the agent `notes`, and one whose file is wrong."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/notes.toml").write_text(NOTES)
    (tmp_path / "agents/broken.toml").write_text("modle = 1\n")
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:
        yield client


def followed(client: TestClient, number: int) -> list[dict[str, Any]]:
    """The run as it was told each time that something had changed, to its end or rest."""
    lines = client.get(f"/box/runs/{number}/events").text.split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def begin(client: TestClient, task: str) -> int:
    started = client.post("/box/runs", json={"agent": "notes", "task": task})
    number: int = started.json()["number"]
    return number


def chat(client: TestClient, content: str, **more: Any) -> Any:
    body = {"model": "agent/notes", "messages": [{"role": "user", "content": content}], **more}
    return client.post("/v1/chat/completions", json=body)


def test_agents_are_listed_the_wrong_ones_with_what_is_wrong(client: TestClient) -> None:
    listed = client.get("/box/agents").json()["agents"]

    assert [agent["name"] for agent in listed] == ["broken", "notes"]
    assert "line 1: 'modle' is no key of an agent." in listed[0]["error"]
    assert client.get("/box/agents/notes").json()["tools"][0]["kind"] == "files"


def test_a_run_is_followed_to_its_answer(client: TestClient) -> None:
    number = begin(client, "look around")

    last = followed(client, number)[-1]

    assert (last["state"], last["outcome"], last["answer"]) == ("done", "answered", "|look around|done")
    assert [(step["kind"], step["name"]) for step in last["steps"]] == [("chat", "echo:1b"), ("tool", "files_list")]
    assert [run["number"] for run in client.get("/box/runs").json()["runs"]] == [number]


def test_a_run_rests_for_a_persons_word_and_goes_on_with_it(client: TestClient) -> None:
    number = begin(client, "ask first")
    resting = followed(client, number)[-1]

    client.post(f"/box/runs/{number}/verdict", json={"allow": True})
    last = followed(client, number)[-1]

    assert (resting["state"], resting["message"]) == ("resting", "waits for your word: files_list {}")
    assert (last["state"], last["answer"]) == ("done", "|ask first|allowed")


def test_a_refusal_is_kept_with_its_reason(client: TestClient) -> None:
    number = begin(client, "ask first")
    followed(client, number)

    client.post(f"/box/runs/{number}/verdict", json={"allow": False, "why": "Not today."})
    last = followed(client, number)[-1]

    assert last["steps"][-1]["state"] == "denied"
    assert last["steps"][-1]["came"] == "A person has refused this call. Not today."


def test_a_word_that_nobody_waits_for_is_refused(client: TestClient) -> None:
    number = begin(client, "look around")
    followed(client, number)

    assert client.post(f"/box/runs/{number}/verdict", json={"allow": True}).status_code == 409
    assert client.get("/box/runs/99").status_code == 404


def test_the_trace_speaks_the_conventions(client: TestClient) -> None:
    number = begin(client, "look around")
    followed(client, number)

    spans = client.get(f"/box/runs/{number}/trace").json()["spans"]

    assert [span["name"] for span in spans] == ["invoke_agent notes", "chat echo:1b", "execute_tool files_list"]
    assert {span["parent_span_id"] for span in spans[1:]} == {spans[0]["span_id"]}
    assert spans[1]["attributes"]["gen_ai.usage.cache_read.input_tokens"] == 3


def test_an_agent_whose_model_is_not_there_is_refused_with_the_line(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "agents/lost.toml").write_text('model = "lost:1b"\n')

    refused = client.post("/box/runs", json={"agent": "lost", "task": "go"})

    assert refused.status_code == 400
    assert "lost.toml, line 1" in refused.json()["error"]["message"]


def test_an_agent_is_a_model_to_other_programs(client: TestClient) -> None:
    answer = chat(client, "look around").json()

    assert answer["choices"][0]["message"]["content"] == "|look around|done"
    assert answer["choices"][0]["message"]["reasoning_content"] == 'files_list {"path": ""}\nThere is nothing yet.\n'
    assert answer["usage"]["total_tokens"] == 12
    assert "agent/notes" in {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert client.get("/v1/models/agent/notes").json()["id"] == "agent/notes"


def test_an_agents_answer_is_streamed_behind_its_steps(client: TestClient) -> None:
    events = chat(client, "look around", stream=True, stream_options={"include_usage": True}).text.split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if event and "[DONE]" not in event]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]

    assert deltas[1]["reasoning_content"].startswith("files_list")
    assert deltas[2] == {"content": "|look around|done"}
    assert chunks[-1]["usage"]["completion_tokens"] == 2


def test_a_conversation_with_an_agent_goes_on(client: TestClient) -> None:
    said = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    said.append({"role": "user", "content": "three"})

    answer = client.post("/v1/chat/completions", json={"model": "agent/notes", "messages": said}).json()

    assert answer["choices"][0]["message"]["content"] == "one; two|three|done"


def test_a_run_that_needs_a_person_says_so_in_its_answer(client: TestClient) -> None:
    answer = chat(client, "ask first").json()["choices"][0]["message"]["content"]

    assert "waits for your word" in answer
    assert "tinderbox agent approve" in answer


def test_a_run_that_fails_is_an_error(client: TestClient) -> None:
    failed = chat(client, "fail")

    assert failed.status_code == 502
    assert "20 steps" in failed.json()["error"]["message"]


def test_a_key_that_only_chats_runs_no_agents(client: TestClient, tmp_path: Path) -> None:
    key, secret = make_key("chatter", ["chat"])
    add_key(tmp_path, key)
    client.headers["Authorization"] = f"Bearer {secret}"

    refused = chat(client, "look around")

    assert refused.status_code == 403
    assert "scope jobs" in refused.json()["error"]["message"]
    assert "agent/notes" not in {model["id"] for model in client.get("/v1/models").json()["data"]}

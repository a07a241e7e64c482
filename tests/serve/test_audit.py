"""What is done through the API stands in the audit log, with whose key did it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.keys import Scope, add_key, make_key

ORDER = {"kind": "quantise", "arguments": {"model": "echo:1b", "type": "q5_0", "requantise": True}}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:  # one loop for all requests
        yield client


def new_key(home: Path, name: str, scope: Scope) -> dict[str, str]:
    key, text = make_key(name, [scope])
    add_key(home, key)
    return {"x-api-key": text}


def told(client: TestClient, headers: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    deeds = client.get("/box/audit", headers=headers).json()["deeds"]
    return [(deed["what"], deed["target"], deed["outcome"]) for deed in deeds]


def test_what_the_person_at_this_machine_does_to_models_is_noted(client: TestClient) -> None:
    client.post("/box/load", json={"model": "echo:1b"})
    client.post("/box/pin", json={"model": "echo:1b"})
    client.post("/box/pin", json={"model": "echo:1b", "pinned": False})
    client.post("/box/stop", json={"model": "echo:1b"})
    client.delete("/box/models/echo:1b")

    assert told(client) == [
        ("model loaded", "echo:1b", "done"),
        ("model pinned", "echo:1b", "done"),
        ("model unpinned", "echo:1b", "done"),
        ("model stopped", "echo:1b", "done"),
        ("model removed", "echo:1b", "done"),
    ]


def test_what_does_not_work_is_noted_with_the_reason(client: TestClient) -> None:
    client.post("/box/load", json={"model": "echo:1b"})
    client.delete("/box/models/echo:1b")

    assert told(client)[1:] == [("model removed", "echo:1b", "failed: echo:1b is loaded.")]


def test_pulls_are_noted_by_either_api(client: TestClient, tmp_path: Path) -> None:
    file = str(tmp_path / "echo.gguf")
    client.post("/box/pull", json={"model": file})
    client.post("/api/pull", json={"model": file, "stream": False})
    client.post("/box/pull", json={"model": "no such name"})

    pulled = told(client)

    assert pulled[:2] == [("model pulled", file, "done")] * 2
    assert pulled[2][2].startswith("failed: ")


def test_ollama_clients_load_unload_and_delete(client: TestClient) -> None:
    client.post("/api/generate", json={"model": "echo:1b"})
    client.post("/api/generate", json={"model": "echo:1b", "keep_alive": 0})
    client.request("DELETE", "/api/delete", json={"model": "echo:1b"})

    assert told(client) == [
        ("model loaded", "echo:1b", "done"),
        ("model stopped", "echo:1b", "done"),
        ("model removed", "echo:1b", "done"),
    ]


def test_what_is_done_to_jobs_is_noted(client: TestClient) -> None:
    client.post("/box/jobs", json=ORDER)
    client.post("/box/jobs/1/stop")
    client.post("/box/jobs/1/resume")
    client.post("/box/jobs/1/stop")
    client.delete("/box/jobs/1")

    assert told(client) == [
        ("job submitted", "quantise echo:1b", "job 1"),
        ("job stopped", "job 1", "done"),
        ("job resumed", "job 1", "done"),
        ("job stopped", "job 1", "done"),
        ("job removed", "job 1", "done"),
    ]


def test_it_stands_under_the_name_of_the_key_and_only_an_admin_reads_it(client: TestClient, tmp_path: Path) -> None:
    laptop, desk = new_key(tmp_path, "laptop", "models"), new_key(tmp_path, "desk", "admin")
    client.post("/box/load", json={"model": "echo:1b"}, headers=laptop)

    refused = client.get("/box/audit", headers=laptop).status_code
    answer = client.get("/box/audit", headers=desk)

    assert refused == 403
    assert [(deed["who"], deed["what"]) for deed in answer.json()["deeds"]] == [("laptop", "model loaded")]
    assert laptop["x-api-key"] not in answer.text


def test_the_newest_are_given(client: TestClient) -> None:
    client.post("/box/load", json={"model": "echo:1b"})
    client.post("/box/stop", json={"model": "echo:1b"})

    assert [deed["what"] for deed in client.get("/box/audit?limit=1").json()["deeds"]] == ["model stopped"]


def test_whoever_stops_the_box_is_named(client: TestClient) -> None:
    client.post("/box/down")

    assert told(client) == [("box told to stop", "", "done")]

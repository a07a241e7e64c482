"""Jobs over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house

ORDER = {"kind": "quantise", "arguments": {"model": "echo:1b", "type": "q5_0", "requantise": True}}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:  # one loop for all requests
        yield client


def finished(client: TestClient, number: int) -> str:
    """The log, followed to the job's end."""
    return client.get(f"/box/jobs/{number}/log", params={"follow": True}).text


def test_a_job_is_ordered_followed_and_listed(client: TestClient) -> None:
    ordered = client.post("/box/jobs", json=ORDER).json()
    finished(client, ordered["number"])

    listed = client.get("/box/jobs").json()["jobs"]

    assert (ordered["state"], ordered["holder"]) == ("waiting", "run 1")
    assert [(job["state"], job["result"]["model"]) for job in listed] == [("done", "echo:1b-q5_0")]
    assert "echo:1b-q5_0" in {model["name"] for model in client.get("/box/models").json()["models"]}


def test_a_stopped_job_is_resumed_and_forgotten(client: TestClient) -> None:
    client.post("/box/jobs", json=ORDER)

    stopped = client.post("/box/jobs/1/stop").json()
    resumed = client.post("/box/jobs/1/resume").json()
    finished(client, 1)

    assert (stopped["state"], resumed["state"]) == ("stopped", "waiting")
    assert client.get("/box/jobs/1").json()["state"] == "done"
    assert client.delete("/box/jobs/1").json() == {"removed": 1}
    assert client.get("/box/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("path", ["/box/jobs/9", "/box/jobs/9/log"])
def test_an_unknown_job_is_not_called_a_model(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")
    assert "There is no job 9." in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("order", "status", "words"),
    [
        ({"kind": "qantise"}, 400, "Did you mean quantise"),
        ({"kind": "bench"}, 400, "'model' is missing"),
        ({"kind": "bench", "arguments": {"model": "nobody:1b"}}, 404, "no model 'nobody:1b'"),
        ({"kind": "bench", "arguments": 3}, 400, "arguments"),
        ({}, 400, "'kind' is missing"),
    ],
)
def test_a_wrong_order_has_the_usual_error(
    client: TestClient, order: dict[str, object], status: int, words: str
) -> None:
    answer = client.post("/box/jobs", json=order)

    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]

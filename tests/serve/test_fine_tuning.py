"""Fine-tuning over HTTP, judged by OpenAI's official client. What trains is a stand-in; all else is real."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.errors import WrongUsage
from tinderbox.jobs.process import Work
from tinderbox.keys import Limits, add_key, make_key
from tinderbox.train.prepare import Prepared
from tinderbox.units import MB

LINES = b'{"prompt": "Who?", "completion": "Ann."}\n'
LEARN = """
import json, sys, time
orders = json.loads(sys.stdin.readline())
print(json.dumps({"metrics": {"step": 1, "loss": 2.0}}))
print(json.dumps({"metrics": {"step": 2, "loss": 0.5, "perplexity": 1.0}}), flush=True)
time.sleep(600 if orders["name"] == "slow" else 0)
if orders["name"] == "bad":
    print(json.dumps({"error": "The loss of step 2 is no number."}))
    sys.exit(1)
print(json.dumps({"result": {"model": orders["model"] + "+" + orders["name"]}}))
"""


def train(arguments: Mapping[str, Any], folder: Path) -> Work:
    if not Path(arguments["data"]).read_bytes().startswith(b"{"):
        raise WrongUsage("file, line 1: it is no JSON.", "Correct the lines.")
    return Work((sys.executable, "-c", LEARN), MB, dict(arguments), attended=True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_house(tmp_path, kinds={"train": train}), base_url="http://localhost") as house:
        yield house


@pytest.fixture
def client(house: TestClient) -> OpenAI:
    return OpenAI(base_url="http://localhost/v1", api_key="unused", max_retries=0, http_client=house)


@pytest.fixture
def data(client: OpenAI) -> str:
    return client.files.create(file=("facts.jsonl", LINES), purpose="fine-tune").id


def follow(house: TestClient, number: int, key: Mapping[str, str] | None = None) -> None:
    """Return when the job has ended. No test ends before the jobs that it began."""
    house.get(f"/box/jobs/{number}/log", params={"follow": True}, headers=key)


def test_a_job_is_created_and_ends_in_a_model(client: OpenAI, house: TestClient, data: str) -> None:
    created = client.fine_tuning.jobs.create(model="echo:1b", training_file=data, suffix="facts", seed=7)
    follow(house, 1)

    ended = client.fine_tuning.jobs.retrieve(created.id)

    assert (created.id, created.status, created.fine_tuned_model) == ("ftjob-1", "queued", None)
    assert (ended.status, ended.fine_tuned_model) == ("succeeded", "echo:1b+facts")
    assert (ended.model, ended.training_file, ended.seed) == ("echo:1b", data, 7)
    assert ended.finished_at is not None
    assert ended.finished_at >= ended.created_at
    assert ended.hyperparameters.n_epochs == "auto"


def test_what_is_asked_for_is_what_the_recipe_says(client: OpenAI, house: TestClient, data: str) -> None:
    wishes = {"n_epochs": 4, "batch_size": 2, "learning_rate_multiplier": 0.5, "beta": 0.2}
    method: Any = {"type": "dpo", "dpo": {"hyperparameters": wishes}}

    job = client.fine_tuning.jobs.create(model="echo:1b", training_file=data, validation_file=data, method=method)
    follow(house, 1)

    asked = house.get("/box/jobs/1").json()["arguments"]
    assert (asked["method"], asked["epochs"], asked["batch"], asked["beta"]) == ("dpo", 4, 2, 0.2)
    assert (asked["rate"], asked["data"]) == (2.5e-5, asked["held_out_data"])
    assert job.method is not None
    assert (job.method.type, job.validation_file) == ("dpo", data)


def test_its_events_tell_its_life_the_newest_first(client: OpenAI, house: TestClient, data: str) -> None:
    job = client.fine_tuning.jobs.create(model="echo:1b", training_file=data)
    follow(house, 1)

    events = client.fine_tuning.jobs.list_events(job.id, limit=2)

    assert [event.message for event in events] == [
        "The job has successfully completed",
        "Step 2: training loss=0.5000",
        "Step 1: training loss=2.0000",
        "Fine-tuning job started",
        "Created fine-tuning job: ftjob-1",
    ]
    assert (events.data[1].type, events.data[1].data) == ("metrics", {"step": 2, "train_loss": 0.5})


def test_its_checkpoint_is_the_model_that_came_of_it(client: OpenAI, house: TestClient, data: str) -> None:
    job = client.fine_tuning.jobs.create(model="echo:1b", training_file=data, suffix="facts")
    follow(house, 1)

    (last,) = client.fine_tuning.jobs.checkpoints.list(job.id)

    assert (last.fine_tuned_model_checkpoint, last.step_number) == ("echo:1b+facts", 2)
    assert (last.metrics.train_loss, last.metrics.full_valid_loss) == (0.5, 0.0)


def test_trained_tokens_are_those_of_the_data_as_often_as_it_was_gone_over(
    client: OpenAI, house: TestClient, data: str, tmp_path: Path
) -> None:
    job = client.fine_tuning.jobs.create(
        model="echo:1b", training_file=data, method={"type": "supervised", "supervised": {}}
    )
    follow(house, 1)
    (tmp_path / "runs" / "1" / "prepared").mkdir(parents=True)
    prepared = Prepared(1, "chat", "", 16, 6, 64, 32, {"tokens": 1000}, None, ())
    (tmp_path / "runs" / "1" / "prepared" / "prepared.json").write_text(json.dumps(asdict(prepared)))

    assert client.fine_tuning.jobs.retrieve(job.id).trained_tokens == 3000  # six steps of eight are three rounds


def test_one_that_runs_is_cancelled_once(client: OpenAI, data: str) -> None:
    job = client.fine_tuning.jobs.create(model="echo:1b", training_file=data, suffix="slow")

    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"

    with pytest.raises(openai.ConflictError):
        client.fine_tuning.jobs.cancel(job.id)


def test_one_that_fails_says_why(client: OpenAI, house: TestClient, data: str) -> None:
    job = client.fine_tuning.jobs.create(model="echo:1b", training_file=data, suffix="bad")
    follow(house, 1)

    failed = client.fine_tuning.jobs.retrieve(job.id)

    assert failed.error is not None
    assert (failed.status, failed.error.message) == ("failed", "The loss of step 2 is no number.")
    assert client.fine_tuning.jobs.checkpoints.list(job.id).data == []


def test_jobs_are_listed_the_newest_first_and_by_what_was_noted(client: OpenAI, house: TestClient, data: str) -> None:
    client.fine_tuning.jobs.create(model="echo:1b", training_file=data, metadata={"by": "a"})
    client.fine_tuning.jobs.create(model="echo:1b", training_file=data, metadata={"by": "b"})
    follow(house, 2)

    assert [job.id for job in client.fine_tuning.jobs.list(limit=1)] == ["ftjob-2", "ftjob-1"]
    assert [job.metadata for job in client.fine_tuning.jobs.list(metadata={"by": "a"})] == [{"by": "a"}]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"model": ""}, "model"),
        ({"suffix": "two words"}, "suffix"),
        ({"method": {"type": "reinforcement"}}, "method.type"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"integrations": [{"type": "wandb"}]}, "integrations"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_named(house: TestClient, data: str, changed: dict[str, Any], field: str) -> None:
    body = {"model": "echo:1b", "training_file": data} | changed

    refused = house.post("/v1/fine_tuning/jobs", json=body)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, field)
    assert house.get("/box/jobs").json()["jobs"] == []


def test_a_file_that_is_not_there_or_for_something_else_or_wrong_is_told(client: OpenAI) -> None:
    other = client.files.create(file=("a.jsonl", LINES), purpose="user_data").id
    broken = client.files.create(file=("b.jsonl", b"nonsense"), purpose="fine-tune").id

    with pytest.raises(openai.NotFoundError, match="no file 'file-none'"):
        client.fine_tuning.jobs.create(model="echo:1b", training_file="file-none")
    with pytest.raises(openai.BadRequestError, match="purpose 'fine-tune'"):
        client.fine_tuning.jobs.create(model="echo:1b", training_file=other)
    with pytest.raises(openai.BadRequestError, match="line 1: it is no JSON") as refused:
        client.fine_tuning.jobs.create(model="echo:1b", training_file=broken)

    assert refused.value.param == "training_file"


def test_a_job_is_its_askers_alone(house: TestClient, tmp_path: Path) -> None:
    alice, bob = key_of(tmp_path, "alice"), key_of(tmp_path, "bob")
    sent = house.post("/v1/files", files={"file": ("a.jsonl", LINES)}, data={"purpose": "fine-tune"}, headers=alice)
    order = {"model": "echo:1b", "training_file": sent.json()["id"]}

    refused = house.post("/v1/fine_tuning/jobs", json=order, headers=bob)
    made = house.post("/v1/fine_tuning/jobs", json=order, headers=alice)
    follow(house, 1, alice)

    path = f"/v1/fine_tuning/jobs/{made.json()['id']}"
    assert (refused.status_code, made.status_code) == (404, 200)
    assert [house.get(path, headers=key).status_code for key in (alice, bob)] == [200, 404]
    assert house.post(f"{path}/cancel", headers=bob).status_code == 404
    assert house.get("/v1/fine_tuning/jobs", headers=bob).json()["data"] == []


def key_of(home: Path, name: str) -> dict[str, str]:
    key, text = make_key(name, ("jobs",), Limits())
    add_key(home, key)
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize("job", ["ftjob-9", "ftjob-0", "nonsense", "ftjob-99999999999999999999"])
def test_an_unknown_job_is_not_found(client: OpenAI, job: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no fine-tuning job"):
        client.fine_tuning.jobs.retrieve(job)

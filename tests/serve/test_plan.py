"""Plans over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.cli.plan import read_question
from tinderbox.planning import Planner, as_json


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


def test_the_answer_is_the_commands_and_speed_over_depths(client: TestClient, tmp_path: Path) -> None:
    asked = {"model": "gpt-oss-120b", "box": "dgx-spark", "context": "16384"}

    answer = client.get("/box/plan", params=asked).json()

    depths = answer.pop("depths")
    assert answer == as_json(Planner(tmp_path).answer(read_question(asked)))
    assert [depths[0]["depth"], depths[-1]["depth"], len(depths)] == [0, 16383, 9]
    assert {"value", "low", "high"} <= set(depths[0]["decode"])


def test_a_model_of_the_store_is_planned_for_this_machine(client: TestClient) -> None:
    answer = client.get("/box/plan", params={"model": "echo:1b"}).json()

    assert (answer["model"], answer["box"], answer["fits"]) == ("echo:1b", "this", True)


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"model": "gpt-oss-120b", "box": "dgx-spakr"}, 404, "Did you mean dgx-spark"),
        ({"model": "no-such-model"}, 404, "no-such-model"),
        ({"model": "gpt-oss-120b", "context": "-1"}, 400, "--context"),
        ({"model": "gpt-oss-120b", "context": "1" + 23 * "0"}, 400, "'context' is wrong"),
        ({"model": "gpt-oss-120b", "context": "many"}, 400, "context"),
        ({"box": "dgx-spark"}, 400, "model"),
    ],
)
def test_a_wrong_question_has_the_usual_error(
    client: TestClient, asked: dict[str, Any], status: int, words: str
) -> None:
    answer = client.get("/box/plan", params=asked)

    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_boxes_are_listed_by_id_and_name(client: TestClient) -> None:
    boxes = client.get("/box/boxes").json()["boxes"]

    assert {"id": "dgx-spark", "name": "DGX Spark (Founders Edition)"} in boxes


def test_this_machine_is_told(client: TestClient) -> None:
    assert client.get("/box/machine").json()["pools"][-1]["total"] > 0

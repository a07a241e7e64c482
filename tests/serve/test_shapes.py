"""Each API's errors in its own shape, whoever finds them: the routes, the framework or the guard."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house

PATHS = ["/v1/nothing", "/v1/messages/nothing", "/api/nothing"]


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


def message(body: dict[str, Any]) -> str:
    """What an error says, in whichever of the three shapes."""
    error = body["error"]
    return str(error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert f"There is nothing at {path}." in message(answer.json())


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large_is_413(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"", headers={"Content-Length": "99000000"})

    assert answer.status_code == 413
    assert "larger than 32 MB" in message(answer.json())


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_page_is_403(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "evil.example" in message(answer.json())


def test_anthropics_errors_have_a_kind_and_the_number_of_the_request(client: TestClient) -> None:
    answer = client.get("/v1/messages/nothing")

    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "not_found_error"
    assert answer.json()["request_id"] == answer.headers["request-id"]


def test_a_path_that_two_apis_share_answers_each_in_its_own_shape(client: TestClient) -> None:
    openai = client.get("/v1/models/no:1b").json()
    anthropic = client.get("/v1/models/no:1b", headers={"anthropic-version": "2023-06-01"}).json()

    assert openai["error"]["code"] == "model_not_found"
    assert anthropic["error"]["type"] == "not_found_error"

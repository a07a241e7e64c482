"""What a run was lent opens a few doors, to its own models, while its process runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox.agents.loans import Loans
from tinderbox.serve.access import Access
from tinderbox.serve.keys import Keyring

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}


@pytest.fixture
def loans() -> Loans:
    return Loans()


@pytest.fixture
def client(tmp_path: Path, loans: Loans) -> Iterator[TestClient]:
    app = make_house(tmp_path, Access(Keyring(tmp_path, loans=loans)))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def asks(client: TestClient, secret: str, model: str = "echo:1b") -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return client.post("/v1/chat/completions", json={"model": model, **ASKED}, headers=headers).status_code


def test_a_run_asks_its_own_model_and_no_other(client: TestClient, loans: Loans) -> None:
    with loans.lend(frozenset({"echo:1b"})) as secret:
        assert asks(client, secret) == 200
        assert asks(client, secret, "unloadable:1b") == 403
        assert asks(client, secret, "agent/notes") == 403


def test_a_run_opens_no_other_door(client: TestClient, loans: Loans) -> None:
    with loans.lend(frozenset({"echo:1b"})) as secret:
        headers = {"Authorization": f"Bearer {secret}"}

        assert client.post("/box/runs/1/verdict", json={"allow": True}, headers=headers).status_code == 403
        assert client.get("/box/models", headers=headers).status_code == 403


def test_what_was_lent_opens_nothing_when_the_process_has_ended(client: TestClient, loans: Loans) -> None:
    with loans.lend(frozenset({"echo:1b"})) as secret:
        pass

    assert asks(client, secret) == 401


def test_a_secret_of_another_run_is_none(client: TestClient, loans: Loans) -> None:
    with loans.lend(frozenset({"echo:1b"})):
        assert asks(client, "tb_run_guessed") == 401

"""Alive and ready, over echoes."""

from pathlib import Path

from starlette.testclient import TestClient

from tests.serve.house import make_house


def test_a_box_is_ready_once_a_model_can_answer(tmp_path: Path) -> None:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:
        before = client.get("/readyz")
        client.post("/box/load", json={"model": "echo:1b"})
        after = client.get("/readyz")

    assert (before.status_code, before.headers["Retry-After"]) == (503, "5")
    assert "no model is loaded" in before.json()["error"]["message"]
    assert (after.status_code, after.json()) == (200, {"status": "ready", "models": 1})

"""Documents by how well they fit a query, over echoes whose vectors tell late letters from early ones."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.models.gguf_writer import shape_of
from tests.serve.house import make_house
from tinderbox.models.store import Store

ASKED = {"model": "embeds:1b", "query": "tuv", "documents": ["abc", {"text": "wxy"}, "abz"]}


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    house = make_house(tmp_path)
    encoder = shape_of("bert", block_count=1, context_length=512, embedding_length=64, attention__head_count=4)
    Store(tmp_path).add_file(encoder.write(tmp_path / "embeds.gguf"), "embeds:1b")
    return TestClient(house, base_url="http://localhost")


def test_the_best_comes_first_with_its_place(http: TestClient) -> None:
    answer = http.post("/v1/rerank", json=ASKED).json()

    assert [result["index"] for result in answer["results"]] == [1, 2, 0]
    assert [round(result["relevance_score"], 2) for result in answer["results"]] == [1.0, 0.45, 0.0]
    assert answer["usage"]["total_tokens"] == 4


def test_only_the_best_come_with_their_texts_where_that_is_wanted(http: TestClient) -> None:
    answer = http.post("/v1/rerank", json=ASKED | {"top_n": 1, "return_documents": True}).json()

    assert [result["document"] for result in answer["results"]] == [{"text": "wxy"}]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"model": "echo:1b"}, "was made to chat"), ({"documents": []}, "documents"), ({"top_n": 0}, "top_n")],
)
def test_what_cannot_be_ranked_is_refused(http: TestClient, change: dict[str, Any], said: str) -> None:
    answer = http.post("/v1/rerank", json=ASKED | change)

    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]

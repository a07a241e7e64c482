"""An adapter made elsewhere, added, asked for in each API, and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.journeys.running import PATIENCE, STARTER, Running, furnish, running, tinderbox
from tests.models.adapters import write_lora
from tinderbox.models.gguf import read_card

pytestmark = pytest.mark.slow
NAME = f"{STARTER}+odd"
HELLO = [{"role": "user", "content": "Tell me about the sea in winter."}]


@pytest.fixture(scope="module")
def file(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Of this seed the likeliest tokens lead by far: no word hangs on the order in which a processor adds up.
    queries = {t.name: (t.shape[0], t.shape[1]) for t in read_card(starter).tensors if "attn_q" in t.name}
    return write_lora(tmp_path_factory.mktemp("adapter") / "odd.gguf", queries, seed="right", strength=0.3)


@pytest.fixture(scope="module")
def changed(starter: Path, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A box that had loaded the starter before the adapter came."""
    home = furnish(tmp_path_factory.mktemp("home"), starter)
    with running(home, "--model", STARTER) as box:
        box.command("pull", str(file), "--as", NAME)
        yield box


def post(box: Running, path: str, body: dict[str, object]) -> httpx2.Response:
    return httpx2.post(box.address + path, json=body, timeout=PATIENCE)


def chat(box: Running, model: str) -> str:
    body = {"model": model, "messages": HELLO, "max_tokens": 12, "temperature": 0}
    return str(post(box, "/v1/chat/completions", body).json()["choices"][0]["message"]["content"])


def test_every_api_answers_as_the_adapter(changed: Running) -> None:
    ollama = {"model": NAME, "messages": HELLO, "stream": False, "options": {"num_predict": 12, "temperature": 0}}
    anthropic = {"model": NAME, "messages": HELLO, "max_tokens": 12, "temperature": 0}
    responses = {"model": NAME, "input": HELLO, "max_output_tokens": 12, "temperature": 0}

    said = chat(changed, NAME)

    assert said != chat(changed, STARTER)
    assert post(changed, "/api/chat", ollama).json()["message"]["content"] == said
    assert post(changed, "/v1/messages", anthropic).json()["content"][0]["text"] == said
    assert post(changed, "/v1/responses", responses).json()["output"][0]["content"][0]["text"] == said


def test_every_list_names_it(changed: Running) -> None:
    models = httpx2.get(f"{changed.address}/v1/models", timeout=PATIENCE).json()["data"]
    tags = httpx2.get(f"{changed.address}/api/tags", timeout=PATIENCE).json()["models"]
    stored = json.loads(changed.command("ls", "--json").stdout)

    assert [model["id"] for model in models] == [STARTER, NAME]
    assert [tag["details"]["parent_model"] for tag in tags] == ["", STARTER]
    assert [model.get("base") for model in stored] == [None, STARTER]


def test_its_base_holds_it_in_one_lease(changed: Running) -> None:
    chat(changed, NAME)

    leases = json.loads(changed.command("ps", "--json").stdout)["leases"]

    assert [lease["holder"] for lease in leases] == [STARTER]


def test_a_text_is_embedded_by_the_base_alone(changed: Running) -> None:
    refused = post(changed, "/v1/embeddings", {"model": NAME, "input": "sea"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")


def test_show_says_what_it_is(changed: Running) -> None:
    shown = changed.command("show", NAME).stdout
    known = json.loads(changed.command("show", NAME, "--json").stdout)["adapter"]

    assert f"base          {STARTER}\n" in shown
    assert "LoRA of rank 4, alpha 8, in attn_q" in shown
    assert (known["rank"], known["targets"], known["made"]) == (4, ["attn_q"], {})


def test_it_can_be_removed_while_its_base_is_loaded_and_the_base_not_without_it(
    starter: Path, file: Path, tmp_path: Path
) -> None:
    home = furnish(tmp_path / "home", starter)
    tinderbox(home, "pull", str(file), "--as", NAME)
    with running(home) as box:
        said = chat(box, NAME)

        kept = box.command("rm", STARTER)
        gone = box.command("rm", NAME)

        asked = post(box, "/v1/chat/completions", {"model": NAME, "messages": HELLO, "max_tokens": 2})
    assert said
    assert (kept.returncode, gone.returncode, asked.status_code) == (1, 0, 404)


def test_what_is_no_adapter_of_the_base_is_not_added(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path / "home", starter)
    other = write_lora(tmp_path / "other.gguf", {"blk.0.attn_q.weight": (64, 64)}, seed="x", strength=0.1)

    refused = tinderbox(home, "pull", str(other), "--as", NAME)

    assert refused.returncode == 1
    assert f"does not fit {STARTER}: it makes the tensor 'blk.0.attn_q.weight' 64x64, not 576x576" in refused.stderr

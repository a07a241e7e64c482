"""Runs of a tiny model from their first start to the store, disturbed and not."""

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import FACTS, PATIENCE, PREFERENCES, Ground, until
from tests.train.tiny import tiny_llama
from tinderbox.models.adapter import facts_of
from tinderbox.models.gguf import read_header
from tinderbox.train.recipe import make_recipe, read_recipe

pytestmark = pytest.mark.slow


def has_saved(step: int) -> Any:
    return lambda words: (words.get("kept") or {}).get("step", 0) >= step


def test_a_run_that_was_ended_and_killed_comes_to_the_same_weights(ground: Ground) -> None:
    recipe: dict[str, Any] = {"steps": 12, "rate": 1e-2, "save_every": 0.0, "dropout": 0.1}
    calm = ground.result(ground.orders("calm", FACTS, **recipe))
    orders = ground.orders("shaken", FACTS, **recipe)
    ground.run(orders)

    with ground.start(orders) as asked:
        until(asked, has_saved(2))
        asked.send_signal(signal.SIGTERM)
        asked.wait(PATIENCE)
    with ground.start(orders) as killed:
        until(killed, has_saved(5))
        killed.kill()
    shaken = ground.run(orders)[-1]["result"]

    assert shaken["sha256"] == ground.store.find("tiny:f32+shaken").sha256
    assert weights_of(ground, "calm") == weights_of(ground, "shaken")
    assert shaken["perplexity"] == calm["perplexity"] < calm["perplexity_before"]


def weights_of(ground: Ground, name: str) -> bytes:
    path = ground.store.find(f"tiny:f32+{name}").path
    return path.read_bytes()[read_header(path).data_offset :]


def test_the_first_start_prepares_and_the_second_says_how_the_result_was_made(ground: Ground) -> None:
    orders = ground.orders("told", FACTS, steps=2, merge=True)
    folder = Path(orders["folder"])
    first = ground.run(orders)
    prepared = json.loads((folder / "prepared/prepared.json").read_text())

    ground.run(orders)

    made = facts_of(ground.store.find("tiny:f32+told"))
    assert first[-1]["again"] is True
    assert (prepared["examples"], prepared["steps"], prepared["threads"]) == (4, 2, 1)
    assert (made["recipe"]["rank"], made["steps"]) == (4, 2)
    assert make_recipe(read_recipe(folder / "recipe.toml")) == make_recipe(orders["recipe"])
    assert ground.store.find("tiny:told").card().template is not None


@pytest.mark.parametrize("ending", ["arrow", "parquet"])
def test_a_folder_of_columns_is_read(ground: Ground, ending: str) -> None:
    orders = ground.orders("columns", FACTS)
    folder = ground.store.home / "columns"
    ground.write_columns(FACTS, folder / "train" / f"data.{ending}")

    said = ground.run(orders | {"recipe": orders["recipe"] | {"data": str(folder)}})

    assert said[-1]["again"] is True
    assert said[-1]["message"].startswith("4 examples")


def test_rows_that_are_shared_and_layers_that_are_recomputed_teach_the_same(ground: Ground) -> None:
    steps: dict[str, Any] = {"steps": 4, "batch": 4, "rate": 1e-2}
    shared = ground.result(ground.orders("shared", FACTS, row=512, recompute=True, **steps))
    alone = ground.result(ground.orders("alone", FACTS, packing=False, **steps))

    assert shared["perplexity_before"] == pytest.approx(alone["perplexity_before"], rel=1e-4)
    assert shared["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-3)


def test_full_training_writes_the_whole_model(ground: Ground) -> None:
    result = ground.result(ground.orders("whole", FACTS, method="full", steps=1, rate=1e-8))

    made, base = ground.store.find("tiny:whole"), ground.store.find("tiny:f32")
    assert result["model"] == "tiny:whole"
    assert made.card().layers == base.card().layers
    assert {tensor.type for tensor in made.card().tensors} == {"F16", "F32"}
    assert numbers(made.path, "blk.0.attn_q.weight", "e") == pytest.approx(
        numbers(base.path, "blk.0.attn_q.weight", "f"), abs=1e-3
    )


def numbers(path: Path, tensor: str, code: str) -> list[float]:
    import struct

    place = next(place for place in read_header(path).places if place.tensor.name == tensor)
    data = path.read_bytes()[place.offset :][: place.tensor.size]
    return [value for (value,) in struct.iter_unpack(f"<{code}", data)]


def test_preferences_are_learnt(ground: Ground) -> None:
    orders = ground.orders("dpo", PREFERENCES, method="dpo", steps=12, rate=1e-2, batch=4)
    ground.run(orders)

    said = ground.run(orders)

    metrics = [words["metrics"] for words in said if "margin" in words.get("metrics", {})]
    assert metrics[-1]["margin"] > 0
    assert metrics[-1]["loss"] < math.log(2)


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_batch(ground: Ground, tmp_path: Path) -> None:
    broken = tiny_llama(tmp_path / "broken.gguf", first=math.nan)
    orders = ground.orders("nan", FACTS, batch=4) | {"path": str(broken)}
    ground.run(orders)

    said = ground.run(orders)

    assert said[-1]["error"].startswith(
        "Step 1: the loss is nan, in the batch of nan.jsonl, line 1; nan.jsonl, line 2;"
    )

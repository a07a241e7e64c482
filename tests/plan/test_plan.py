from __future__ import annotations

import json
from functools import partial
from timeit import repeat

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.machine.catalogue import find_box
from tinderbox.machine.machine import Family, Machine, MemoryKind, Pool
from tinderbox.models.card import Card
from tinderbox.models.shapes import find_shape
from tinderbox.plan.plan import plan, plan_training, usable
from tinderbox.plan.settings import Backend, Settings
from tinderbox.plan.speed import predict
from tinderbox.plan.training import Recipe
from tinderbox.units import GB, GiB

SPARK = find_box("dgx-spark")


def box(size: int, kind: MemoryKind = MemoryKind.HOST, available: int | None = None) -> Machine:
    return Machine("desk", "Desk", Family.CPU, kind, (Pool("host", size, available),))


def test_gpt_oss_fits_on_a_spark() -> None:
    answer = plan(find_shape("gpt-oss-120b"), SPARK, Settings(context=8192))

    assert answer.fits
    assert answer.memory.weights == 63_374_323_968


def test_deepseek_r1_does_not_and_says_by_how_much() -> None:
    answer = plan(find_shape("deepseek-r1"), SPARK, Settings())

    assert not answer.fits
    assert "too little" in answer.advice[0]


def test_the_backend_is_the_boxes() -> None:
    assert plan(find_shape("qwen3-8b"), SPARK, Settings()).settings.backend is Backend.CUDA


def test_the_json_is_the_one_that_scripts_rely_on() -> None:
    answer = plan(find_shape("gpt-oss-120b"), SPARK, Settings(context=8192)).as_json()

    keys = ["model", "box", "engine", "context", "parallel", "fits", "memory", "speed", "advice"]
    assert list(answer) == keys
    assert {"weights", "context", "compute", "output", "overhead", "total", "capacity"} <= set(answer["memory"])
    assert json.loads(json.dumps(answer)) == answer


def test_what_is_unknown_of_the_speed_is_null() -> None:
    speed = plan(find_shape("gpt-oss-120b"), SPARK, Settings()).as_json()["speed"]

    assert set(speed.values()) == {None}


def test_the_parts_add_up_to_the_total() -> None:
    memory = plan(find_shape("qwen3-8b"), SPARK, Settings()).as_json()["memory"]

    parts = sum(memory[part] for part in ("weights", "context", "compute", "output", "overhead"))
    assert memory["total"] == parts


def test_a_box_never_gives_all_that_it_has() -> None:
    assert usable(box(128 * GB, MemoryKind.UNIFIED)) < 124 * GB


def test_what_others_use_is_seen() -> None:
    assert usable(box(64 * GB, available=20 * GB)) == 20 * GB - int(0.02 * 64 * GB)


def test_two_boxes_hold_twice_as_much() -> None:
    assert usable(SPARK, 2) == 2 * usable(SPARK)


def test_a_box_too_small_for_anything_has_no_room() -> None:
    assert usable(box(GiB // 2)) == 0


@pytest.mark.parametrize(("method", "fits"), [("full", False), ("lora", True)])
def test_a_14b_can_be_trained_on_a_spark_with_adapters_only(method: str, fits: bool) -> None:
    card: Card = find_shape("qwen3-14b")

    assert plan_training(card, SPARK, Recipe(method, batch=8, length=2048)).fits is fits


def test_training_that_does_not_fit_is_told_what_does() -> None:
    answer = plan_training(find_shape("qwen3-32b"), SPARK, Recipe("full"))

    assert "LoRA fits (--train lora)." in answer.advice
    assert answer.as_json()["memory"]["total"] > answer.capacity


def test_speed_is_told_with_its_interval() -> None:
    card, settings = find_shape("gpt-oss-120b"), Settings(context=8192)

    speed = plan(card, SPARK, settings, predict(card, SPARK, settings)).as_json()["speed"]

    decode = speed["decode_tokens_per_s"]
    assert decode["low"] < decode["value"] < decode["high"]
    assert decode["source"] == "predicted"


def test_a_format_that_the_engine_cannot_read_is_refused() -> None:
    with pytest.raises(WrongUsage, match="cannot read AWQ"):
        plan(find_shape("qwen3-8b", "AWQ"), SPARK, Settings())


def test_a_plan_is_made_in_a_few_milliseconds() -> None:
    card, others = find_shape("qwen3-235b-a22b"), partial(find_shape, "qwen3-235b-a22b")

    seconds = repeat(lambda: plan(card, SPARK, Settings(context=8192), requantise=others), repeat=20, number=1)

    assert min(seconds) < 0.02

"""Set against public measurements where there are some: they vary with what the run's author did not write down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.models.shapes import find_shape
from tinderbox.plan.training import Recipe, activation_bytes, adapter_parameters, training_footprint
from tinderbox.units import GB

# github.com/kyuz0/amd-strix-halo-llm-finetuning, README: peak memory on a Strix Halo of 128 GB.
PEAKS = [
    ("gemma-3-1b", "full", 19, 0.25),
    ("gemma-3-4b", "full", 46, 0.1),
    ("gemma-3-12b", "full", 115, 0.1),
    ("gemma-3-1b", "lora", 15, 0.25),
    ("gemma-3-4b", "lora", 30, 0.25),
    ("gemma-3-12b", "qlora", 26, 0.1),
]


@pytest.mark.parametrize(("model", "method", "peak", "tolerance"), PEAKS)
def test_training_takes_about_what_was_measured(model: str, method: str, peak: int, tolerance: float) -> None:
    predicted = training_footprint(find_shape(model), Recipe(method, batch=4, length=1024))

    assert predicted.total == pytest.approx(peak * GB, rel=tolerance)


def test_the_slope_over_tokens_is_that_of_a_measured_gpt() -> None:
    """github.com/manavsehgal/ai-field-notes: a GPT of 354M takes 25.63 GB at 16,384 tokens a step, 49.24 at twice."""
    measured = (49.24 - 25.63) * GB / 16_384

    assert pytest.approx(measured, rel=0.01) == 34 * 24 * 1024 + 12 * 50_304


def test_lora_trains_little_and_qlora_loads_little() -> None:
    card = find_shape("llama-3.1-8b")
    full, lora, qlora = (training_footprint(card, Recipe(method)) for method in ("full", "lora", "qlora"))

    assert full.optimiser > 50 * lora.optimiser
    assert qlora.weights < lora.weights / 2


def test_adapters_are_two_thin_matrices_beside_each_layer() -> None:
    assert adapter_parameters(find_shape("llama-3.1-8b"), 16) == 41_943_040


def test_checkpoints_keep_one_row_a_layer() -> None:
    card = find_shape("llama-3.1-8b")

    saved = activation_bytes(card, checkpointing=False) - activation_bytes(card, checkpointing=True)

    assert saved == 4096 * (34 * 32 - (2 * 32 + 34))


def test_an_unknown_way_to_train_is_refused() -> None:
    with pytest.raises(WrongUsage, match="Did you mean lora or qlora"):
        Recipe("loral")


def test_on_a_processor_it_is_as_measured() -> None:
    """SmolLM2-135M, LoRA of rank 8: a row of 393 tokens, 90 of them answers, held 2.077 GB at its peak."""
    recipe = Recipe("lora", 1, 393, 8, checkpointing=False, width=4, answers=90)

    predicted = training_footprint(find_shape("smollm2-135m"), recipe)

    assert predicted.total == pytest.approx(2.077 * GB, rel=0.05)


def test_a_reference_and_the_whole_model_take_more() -> None:
    card = find_shape("smollm2-135m")
    lora = Recipe("lora", 1, 393, 8, checkpointing=False, width=4, answers=90)

    totals = [training_footprint(card, recipe).total for recipe in (lora, replace(lora, twice=True))]
    full = training_footprint(card, replace(lora, method="full"))

    assert totals[0] < totals[1] < full.total
    assert full.optimiser == 8 * card.parameters

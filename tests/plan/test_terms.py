"""The terms of the speed model, counted by hand for models small enough."""

from __future__ import annotations

import pytest

from tinderbox.models.shapes import find_shape
from tinderbox.plan.settings import Settings
from tinderbox.plan.terms import Hardware, decode_terms, prefill_terms, shape_of, touched

ONE = Hardware(1.0, 1.0, 2.0, 4.0)
LLAMA = find_shape("meta-llama/Llama-3.2-1B-Instruct", "Q8_0")
MIXTURE = find_shape("qwen3:30b-a3b", "Q8_0")


def test_a_tied_embedding_is_read_once_as_the_output() -> None:
    assert shape_of(LLAMA).dense == LLAMA.weights


def test_an_embedding_of_its_own_is_only_looked_up() -> None:
    embedding = next(tensor.size for tensor in MIXTURE.tensors if tensor.name == "token_embd.weight")
    shape = shape_of(MIXTURE)

    assert shape.dense + shape.experts == MIXTURE.weights - embedding


def test_a_single_token_touches_the_experts_that_it_uses() -> None:
    assert touched(shape_of(MIXTURE), 1) == pytest.approx(8 / 128)


def test_many_sequences_touch_more_experts_but_fewer_than_if_each_chose_alone() -> None:
    alone = 1 - (1 - 8 / 128) ** 32

    assert 0.3 < touched(shape_of(MIXTURE), 32) < alone


def test_a_dense_model_has_no_terms_of_experts() -> None:
    terms = decode_terms(LLAMA, Settings(), ONE)

    assert (terms["experts"], terms["routers"], terms["packed"], terms["recurrent"]) == (0, 0, 0, 0)


def test_the_cache_of_a_token_is_keys_and_values_of_every_layer() -> None:
    terms = decode_terms(LLAMA, Settings(depth=1000), ONE)

    assert terms["cache"] == 1000 * 16 * 8 * (64 + 64) * 2


def test_a_sliding_layer_is_read_whole_with_several_sequences() -> None:
    gemma, deep = find_shape("gemma-3-4b-it", "Q4_0"), 100_000
    alone = decode_terms(gemma, Settings(depth=deep), ONE)["cache"]

    together = decode_terms(gemma, Settings(depth=deep, parallel=2), ONE)["batched_cache"]

    assert together > 2 * alone


def test_weights_in_eight_bits_are_multiplied_twice_as_fast_and_in_four_bits_four_times() -> None:
    assert [ONE.rate(kind) for kind in ("BF16", "INT4", "MLX4", "Q4_K", "FP8", "MXFP4")] == [1, 1, 1, 2, 2, 4]


def test_a_prompt_pays_for_attention_by_the_square() -> None:
    short = prefill_terms(LLAMA, Settings(prompt=1000), ONE)["attention"]

    assert prefill_terms(LLAMA, Settings(prompt=10000), ONE)["attention"] == pytest.approx(100 * short)


def test_scores_go_through_memory_only_without_flash_attention() -> None:
    assert prefill_terms(LLAMA, Settings(), ONE)["scores"] == 0
    assert prefill_terms(LLAMA, Settings(flash_attention=False), ONE)["scores"] > 0

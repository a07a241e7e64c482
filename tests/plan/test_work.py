from __future__ import annotations

import pytest

from tinderbox.models.card import Attention, Layer
from tinderbox.models.shapes import find_shape
from tinderbox.plan import work


def test_a_dense_model_is_read_whole_but_for_its_embedding() -> None:
    card = find_shape("llama-3.1-8b", "Q8_0")
    embedding = next(tensor.size for tensor in card.tensors if tensor.name == "token_embd.weight")

    read = work.weight_bytes_read(card)

    assert read.total == pytest.approx(card.weights - embedding, rel=1e-4)


def test_a_tied_embedding_is_the_output_and_read_whole() -> None:
    card = find_shape("gemma-3-4b", "Q4_0")

    assert work.weight_bytes_read(card).total == card.weights


def test_one_sequence_reads_the_experts_that_its_token_picks() -> None:
    card = find_shape("qwen3-30b-a3b")

    assert work.distinct_experts(card, 1) == pytest.approx(8)


def test_a_batch_touches_fewer_experts_than_it_picks() -> None:
    card = find_shape("qwen3-30b-a3b")

    assert work.distinct_experts(card, 16) == pytest.approx(128 * (1 - (1 - 8 / 128) ** 16))


def test_a_sliding_layer_reads_no_more_than_its_window() -> None:
    sliding = Layer(Attention.SLIDING, 8, 4, 256, 256, window=1024)

    assert work.tokens_seen(sliding, 32_768) == 1024


def test_a_sliding_model_reads_less_at_depth_than_a_full_one_would() -> None:
    card = find_shape("gpt-oss-120b")

    full = 36 * 32_768 * 8 * 128 * 2
    assert work.kv_bytes_read(card, 32_768) == pytest.approx(full / 2, rel=0.01)


def test_latent_rows_are_read_once() -> None:
    assert work.kv_bytes_read(find_shape("deepseek-r1"), 1000) == 61 * 1000 * 576 * 2


def test_a_quantised_cache_is_read_faster() -> None:
    card = find_shape("llama-3.1-8b")

    assert work.kv_bytes_read(card, 1000, "q8_0") / work.kv_bytes_read(card, 1000) == pytest.approx(34 / 64)


def test_a_recurrent_state_is_read_and_written_whatever_the_depth() -> None:
    card = find_shape("qwen3-next-80b-a3b")
    states = 36 * 2 * 4 * (524_288 + 24_576)

    assert work.kv_bytes_read(card, 0) == states


def test_a_prompt_costs_two_operations_a_weight() -> None:
    card = find_shape("llama-3.1-8b")

    assert work.flops_per_token(card, 0) == pytest.approx(2 * (card.parameters - 128_256 * 4096), rel=0.001)


def test_attention_costs_more_at_depth() -> None:
    card = find_shape("llama-3.1-8b")

    more = work.flops_per_token(card, 8192) - work.flops_per_token(card, 0)

    assert more == 32 * 4 * 32 * 128 * 8192

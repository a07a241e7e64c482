"""What each family's layers are, read from its public settings."""

from __future__ import annotations

import pytest

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.models.shapes import find_shape


def kinds(name: str, count: int) -> str:
    """One letter a layer: F, S, L, R or N."""
    return "".join(layer.attention.name[0] for layer in find_shape(name).layers[:count])


def names_in(card: Card, layer: int) -> set[str]:
    return {tensor.name.split(".", 2)[2] for tensor in card.tensors if tensor.layer == layer}


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("llama-3.1-8b", "FFFF"),
        ("gpt-oss-20b", "SFSF"),
        ("gemma-2-9b", "SFSF"),
        ("gemma-3-4b", "SSSSSF"),
        ("gemma-4-26b-a4b", "SSSSSF"),
        ("llama-4-scout-17b-16e", "SSSF"),
        ("qwen3-next-80b-a3b", "RRRF"),
        ("qwen3.5-27b", "RRRF"),
        ("nemotron-3-nano-30b-a3b", "RNRNRF"),
        ("deepseek-r1", "LLLL"),
        ("kimi-linear-48b-a3b", "RRRL"),
        ("lfm2-1.2b", "RRF"),
        ("phi-4", "FFFF"),
    ],
)
def test_layers_remember_what_their_family_remembers(model: str, start: str) -> None:
    assert kinds(model, len(start)) == start


def test_a_mixture_starts_with_dense_layers_where_it_says_so() -> None:
    card = find_shape("glm-4.5-air")

    assert "ffn_gate.weight" in names_in(card, 0)
    assert {"ffn_gate_exps.weight", "ffn_gate_shexp.weight", "exp_probs_b.bias"} <= names_in(card, 1)


def test_llama_4_puts_experts_in_every_second_layer() -> None:
    card = find_shape("Llama-4-Maverick-17B-128E")

    assert "ffn_up.weight" in names_in(card, 0)
    assert "ffn_up_exps.weight" in names_in(card, 1)


def test_late_layers_of_gemma_4_read_an_earlier_layers_cache() -> None:
    card = find_shape("gemma-4-e4b")

    assert sum(layer.shares_cache for layer in card.layers) == 18
    assert "attn_k.weight" not in names_in(card, 41)


def test_global_layers_of_gemma_4_have_no_values_of_their_own() -> None:
    card = find_shape("gemma-4-31b")

    assert "attn_v.weight" in names_in(card, 0)
    assert "attn_v.weight" not in names_in(card, 5)


def test_mimo_has_other_heads_where_it_slides() -> None:
    full, sliding = find_shape("MiMo-V2-Flash").layers[:2]

    assert (full.kv_heads, sliding.kv_heads) == (4, 8)
    assert (full.key_length, full.value_length) == (192, 128)


def test_a_thinned_model_has_layers_without_attention() -> None:
    card = find_shape("Llama-3_3-Nemotron-Super-49B-v1")

    assert sum(layer.attention is Attention.NONE for layer in card.layers) == 31


def test_latent_attention_keeps_rank_and_rotary_part() -> None:
    layer = find_shape("kimi-k2").layers[0]

    assert (layer.kv_heads, layer.key_length, layer.value_length) == (1, 576, 512)


def test_only_some_layers_of_glm_5_2_pick_their_tokens_themselves() -> None:
    picking = [layer.index_length > 0 for layer in find_shape("glm-5.2").layers[:8]]

    assert picking == [True, True, True, False, False, False, True, False]


def test_deepseek_4_compresses_by_4_and_by_128() -> None:
    layers: tuple[Layer, ...] = find_shape("deepseek-v4-flash").layers

    assert [layer.ratio for layer in layers[:4]] == [0, 0, 4, 128]


def test_a_delta_nets_state_is_a_matrix_for_each_head() -> None:
    layer = find_shape("qwen3-next-80b-a3b").layers[0]

    assert (layer.state, layer.convolution) == (32 * 128 * 128, 3 * (2 * 16 * 128 + 32 * 128))

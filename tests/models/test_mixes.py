from __future__ import annotations

import pytest

from tinderbox.models.mixes import Model, Place, gguf_type

DENSE = Model(layers=32, experts=0, grouping=4, tied=False)


def place(name: str, layer: int = 0, shape: tuple[int, ...] = (4096, 4096)) -> Place:
    return Place(name, shape, layer, 32)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("token_embd.weight", "Q4_K"),
        ("output.weight", "Q6_K"),
        ("blk.0.attn_q.weight", "Q4_K"),
        ("blk.0.attn_v.weight", "Q6_K"),
        ("blk.0.ffn_down.weight", "Q6_K"),
        ("blk.0.ffn_gate_inp.weight", "F32"),
        ("blk.0.attn_norm.weight", "F32"),
        ("blk.0.ssm_conv1d.weight", "F32"),
    ],
)
def test_a_medium_mix_gives_more_bits_to_what_needs_them(name: str, kind: str) -> None:
    assert gguf_type("Q4_K_M", place(name), DENSE) == kind


def test_more_bits_go_to_the_ends_and_to_every_third_between() -> None:
    finer = [i for i in range(32) if place("blk.0.attn_v.weight", i).gets_more_bits]

    assert finer == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]


def test_a_tied_embedding_is_kept_like_the_output_it_is() -> None:
    tied = Model(layers=32, experts=0, grouping=4, tied=True)

    assert gguf_type("Q4_0", place("token_embd.weight"), tied) == "Q6_K"


def test_mxfp4_is_for_experts_and_the_rest_is_q8_0() -> None:
    experts = place("blk.0.ffn_up_exps.weight", shape=(2880, 2880, 128))

    assert gguf_type("MXFP4", experts, DENSE) == "MXFP4"
    assert gguf_type("MXFP4", place("blk.0.attn_q.weight"), DENSE) == "Q8_0"


def test_rows_that_no_block_divides_fall_back() -> None:
    assert gguf_type("Q4_K_M", place("blk.0.attn_q.weight", shape=(896, 896)), DENSE) == "Q5_0"
    assert gguf_type("Q4_0", place("blk.0.attn_q.weight", shape=(100, 896)), DENSE) == "F16"


def test_eight_experts_keep_fine_keys_and_values() -> None:
    mixtral = Model(layers=32, experts=8, grouping=4, tied=False)

    assert gguf_type("Q4_K_M", place("blk.9.attn_k.weight"), mixtral) == "Q8_0"


def test_the_values_of_a_70b_are_finer() -> None:
    large = Model(layers=80, experts=0, grouping=8, tied=False, is_70b=True)

    assert gguf_type("Q4_K_M", Place("blk.10.attn_v.weight", (8192, 1024), 10, 80), large) == "Q5_K"


def test_biases_stay_whole() -> None:
    assert gguf_type("IQ2_XXS", place("blk.0.attn_q.bias", shape=(4096,)), DENSE) == "F32"


def test_unquantised_mixes_keep_matrices_in_16_bits_and_vectors_in_32() -> None:
    assert gguf_type("BF16", place("blk.0.attn_q.weight"), DENSE) == "BF16"
    assert gguf_type("BF16", place("blk.0.attn_norm.weight", shape=(4096,)), DENSE) == "F32"

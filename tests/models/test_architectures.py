from __future__ import annotations

from typing import Any

import pytest

from tinderbox.models.architectures import layers_of
from tinderbox.models.card import Attention, Layer

FULL, SLIDING, LATENT, RECURRENT, NONE = (
    Attention(kind) for kind in ("full", "sliding", "latent", "recurrent", "none")
)
HEADS = {"embedding_length": 512, "attention.head_count": 8, "attention.head_count_kv": 2}


def layers(architecture: str, count: int = 12, **keys: Any) -> tuple[Layer, ...]:
    """`attention__sliding_window=4` is the key `attention.sliding_window`."""
    named = HEADS | {"block_count": count} | {key.replace("__", "."): value for key, value in keys.items()}
    return layers_of(architecture, {f"{architecture}.{key}": value for key, value in named.items()})


def kinds(architecture: str, count: int = 12, **keys: Any) -> str:
    """One letter a layer: F, S, L, R or N."""
    return "".join(layer.attention.name[0] for layer in layers(architecture, count, **keys))


def test_a_plain_transformer_remembers_every_token_in_every_layer() -> None:
    assert layers("llama", 2) == (Layer(FULL, 8, 2, 64, 64),) * 2


def test_the_key_length_of_the_header_wins_over_the_width_of_a_head() -> None:
    (layer,) = layers("qwen3", 1, attention__key_length=128, attention__value_length=96)

    assert (layer.key_length, layer.value_length) == (128, 96)


def test_each_layer_may_have_its_own_number_of_heads() -> None:
    found = layers("openelm", 3, attention__head_count=(8, 8, 4), attention__head_count_kv=(4, 2, 1))

    assert [(layer.heads, layer.kv_heads) for layer in found] == [(8, 4), (8, 2), (4, 1)]


def test_a_layer_without_heads_remembers_nothing() -> None:
    assert kinds("deci", 3, attention__head_count_kv=(2, 0, 2)) == "FNF"


@pytest.mark.parametrize(
    ("architecture", "pattern"),
    [
        ("gpt-oss", "SFSFSFSFSFSF"),
        ("gemma2", "SFSFSFSFSFSF"),
        ("gemma3", "SSSSSFSSSSSF"),
        ("gemma3n", "SSSSFSSSSFSS"),
        ("llama4", "SSSFSSSFSSSF"),
        ("cohere2", "SSSFSSSFSSSF"),
        ("smallthinker", "FSSSFSSSFSSS"),
        ("llama", "FFFFFFFFFFFF"),
        ("phi3", "FFFFFFFFFFFF"),
    ],
)
def test_windows_slide_in_the_pattern_of_the_architecture(architecture: str, pattern: str) -> None:
    assert kinds(architecture, attention__sliding_window=64) == pattern


def test_a_pattern_in_the_header_wins() -> None:
    pattern = (True, True, False, True)

    assert kinds("gemma4", 4, attention__sliding_window=64, attention__sliding_window_pattern=pattern) == "SSFS"


def test_a_period_in_the_header_wins() -> None:
    assert kinds("gemma3", 6, attention__sliding_window=64, attention__sliding_window_pattern=3) == "SSFSSF"


def test_without_a_window_nothing_slides() -> None:
    assert kinds("gemma3", 6) == "FFFFFF"


def test_some_windows_are_known_without_being_said() -> None:
    assert layers("gemma2", 2)[0].window == 4096
    assert layers("llama4", 4, attention__sliding_window=64)[0].window == 8192
    assert layers("exaone4", 30)[0].attention is FULL
    assert layers("exaone4", 64)[0].window == 4096


def test_a_sliding_layer_may_have_heads_of_another_length() -> None:
    keys = {"attention__key_length": 512, "attention__key_length_swa": 256, "attention__value_length_swa": 256}
    sliding, full = layers(
        "gemma4", 2, attention__sliding_window=64, attention__sliding_window_pattern=(True, False), **keys
    )

    assert (sliding.key_length, sliding.value_length) == (256, 256)
    assert full.key_length == 512


def test_layers_that_read_another_layers_cache_have_none_of_their_own() -> None:
    pattern = (True, True, False, True, True, False)
    keys = {"attention__sliding_window": 64, "attention__sliding_window_pattern": pattern}

    early, late = layers("gemma3n", 25, attention__sliding_window=64)[19:21]
    shared = [layer.shares_cache for layer in layers("gemma4", 6, attention__shared_kv_layers=2, **keys)]

    assert (early.shares_cache, late.shares_cache) == (False, True)
    assert shared == [False] * 4 + [True] * 2


def test_an_indexer_keeps_a_row_a_token_where_it_picks_for_itself() -> None:
    keys = {"attention__indexer__key_length": 128, "attention__indexer__head_count": 32}

    (own, borrowed) = layers("glm-dsa", 2, attention__indexer__types=(1, 0), **keys)

    assert (own.index_length, own.index_heads, borrowed.index_length) == (128, 32, 0)


def test_a_compressed_cache_keeps_one_row_for_many_tokens() -> None:
    keys = {"attention__indexer__key_length": 128, "attention__sliding_window": 128}

    plain, fine, coarse = layers("deepseek4", 3, attention__compress_ratios=(0, 4, 128), **keys)

    assert [layer.ratio for layer in (plain, fine, coarse)] == [0, 4, 128]
    assert [layer.index_length for layer in (plain, fine, coarse)] == [0, 128, 0]


def test_latent_attention_keeps_keys_only() -> None:
    keys = {"attention__key_length": 576, "attention__value_length": 512, "attention__head_count_kv": 1}
    (layer,) = layers("deepseek2", 1, attention__key_length_mla=192, attention__value_length_mla=128, **keys)

    assert layer == Layer(LATENT, 8, 1, 576, 512)  # the values are the first 512 of the keys


def test_an_old_file_of_a_latent_model_is_cached_in_full() -> None:
    assert kinds("deepseek2", 2) == "FF"


def test_layers_that_guess_ahead_stand_apart() -> None:
    assert kinds("glm4moe", 4, nextn_predict_layers=1) == "FFFN"


def test_every_fourth_layer_of_qwen3next_attends_and_the_others_hold_a_state() -> None:
    sizes = {"ssm__conv_kernel": 4, "ssm__inner_size": 4096, "ssm__state_size": 128, "ssm__group_count": 16}
    found = layers("qwen3next", 4, **sizes)

    assert [layer.attention for layer in found] == [RECURRENT, RECURRENT, RECURRENT, FULL]
    assert (found[0].state, found[0].convolution) == (128 * 4096, 3 * (4096 + 2 * 16 * 128))


def test_recurrent_layers_may_stand_in_the_header() -> None:
    assert kinds("qwen35", 4, attention__recurrent_layers=(True, False, True, False)) == "RFRF"


def test_mamba_holds_states_only() -> None:
    found = layers("mamba", 2, attention__head_count=0, ssm__conv_kernel=4, ssm__inner_size=1536, ssm__state_size=16)

    assert found == (Layer(RECURRENT, state=16 * 1536, convolution=3 * 1536),) * 2


def test_nemotron_alternates_states_attention_and_feed_forward() -> None:
    assert kinds("nemotron_h", 4, attention__head_count_kv=(0, 0, 2, 0), feed_forward_length=(0, 64, 0, 64)) == "RNFN"


def test_granite_and_lfm_mark_recurrent_layers_by_their_heads() -> None:
    assert kinds("granitehybrid", 3, attention__head_count_kv=(0, 2, 0)) == "RFR"
    assert layers("lfm2", 2, attention__head_count_kv=(0, 2), shortconv__l_cache=3)[0].convolution == 512 * 2


def test_falcon_holds_a_state_beside_its_cache() -> None:
    (layer,) = layers("falcon-h1", 1, ssm__conv_kernel=4, ssm__inner_size=64, ssm__state_size=16, ssm__group_count=1)

    assert (layer.attention, layer.kv_heads, layer.state) == (FULL, 2, 16 * 64)


def test_the_other_recurrent_families_have_states_of_their_own() -> None:
    assert layers("rwkv7", 1, wkv__head_size=64)[0] == Layer(RECURRENT, 8, state=512 * 64, convolution=2 * 512)
    assert layers("minimax-01", 1)[0].state == 64 * 64 * 8
    kimi = layers("kimi-linear", 1, attention__head_count_kv=(0,), kda__head_dim=64, ssm__conv_kernel=4)[0]
    assert (kimi.state, kimi.convolution) == (64 * 64 * 8, 3 * 3 * 8 * 64)


def test_a_file_without_layers_has_none() -> None:
    assert layers_of("clip", {}) == ()

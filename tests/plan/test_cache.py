from __future__ import annotations

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.plan.cache import cells, context_bytes, layer_bytes, window_cells
from tinderbox.plan.settings import Settings

FULL = Layer(Attention.FULL, heads=32, kv_heads=8, key_length=128, value_length=128)


def card(*layers: Layer) -> Card:
    return Card("m", "llama", "F16", 4096, 64, 100, layers, ())


def test_cells_come_in_multiples_of_256() -> None:
    assert cells(Settings(context=1000)) == 1024


def test_sequences_share_the_context_each_with_its_own_padding() -> None:
    assert cells(Settings(context=10_000, parallel=3)) == 3584


def test_a_unified_cache_is_one_stream() -> None:
    assert cells(Settings(context=10_000, parallel=3, unified=True)) == 10_240


def test_keys_and_values_take_two_bytes_an_element_in_f16() -> None:
    assert layer_bytes(FULL, Settings(context=4096)) == 4096 * 8 * (128 + 128) * 2


def test_a_sliding_layer_holds_its_window_and_the_batch() -> None:
    assert window_cells(1024, Settings(context=32_768, ubatch=512)) == 1536


def test_a_window_never_holds_more_than_the_context() -> None:
    assert window_cells(4096, Settings(context=2048)) == 2048


def test_a_unified_window_holds_that_of_every_sequence() -> None:
    assert window_cells(1024, Settings(context=32_768, parallel=4, unified=True)) == 4608


def test_latent_attention_keeps_keys_alone() -> None:
    latent = Layer(Attention.LATENT, heads=128, kv_heads=1, key_length=576, value_length=512)

    assert layer_bytes(latent, Settings(context=4096)) == 4096 * 576 * 2


def test_a_state_is_32_bits_for_each_sequence_however_long_the_context() -> None:
    recurrent = Layer(Attention.RECURRENT, state=1000, convolution=24)

    assert layer_bytes(recurrent, Settings(context=131_072, parallel=4)) == 1024 * 4 * 4


def test_a_state_beside_attention_counts_too() -> None:
    both = Layer(Attention.FULL, 32, 8, 128, 128, state=1000, convolution=24)

    assert layer_bytes(both, Settings()) - layer_bytes(FULL, Settings()) == 4096


def test_a_layer_that_shares_a_cache_has_none() -> None:
    shared = Layer(Attention.FULL, 32, 8, 128, 128, shares_cache=True)

    assert layer_bytes(shared, Settings()) == 0


def test_without_flash_attention_values_are_as_wide_as_the_widest_layers() -> None:
    narrow = Layer(Attention.FULL, 32, 2, 128, 128)
    settings = Settings(context=256, flash_attention=False)

    assert context_bytes(card(FULL, narrow), settings) == 256 * 2 * (1024 + 1024 + 256 + 1024)


def test_a_compressed_layer_keeps_its_window_and_a_row_for_many_tokens() -> None:
    coarse = Layer(Attention.LATENT, 64, 1, 512, 512, window=128, ratio=128)

    rows = 768 + 1024
    state = 2 * 128 * 512 * 4
    assert layer_bytes(coarse, Settings(context=131_072)) == rows * 512 * 2 + state

from __future__ import annotations

from tinderbox.models.shapes import find_shape
from tinderbox.plan.footprint import footprint
from tinderbox.plan.paged import paged_context_bytes
from tinderbox.plan.settings import Backend, Settings


def test_pages_of_16_tokens_are_filled_up() -> None:
    card = find_shape("llama-3.1-8b", "BF16")

    assert paged_context_bytes(card, Settings(context=17)) == 32 * 32 * 2048 * 2


def test_a_cache_in_fp8_takes_half() -> None:
    card = find_shape("llama-3.1-8b", "BF16")

    whole, half = (paged_context_bytes(card, Settings(context=8192, kv_type=kind)) for kind in ("f16", "fp8"))

    assert half * 2 == whole


def test_weights_of_safetensors_engines_are_those_of_their_formats() -> None:
    card = find_shape("qwen3-8b", "FP8", gguf=False)

    whole = footprint(card, Settings(engine="vllm", backend=Backend.CUDA))

    assert 0.55 * 2 * card.parameters < whole.weights < 0.65 * 2 * card.parameters


def test_sliding_layers_hold_their_window_and_a_step() -> None:
    card = find_shape("gpt-oss-20b", gguf=False)

    short, long = (paged_context_bytes(card, Settings(context=tokens)) for tokens in (2048, 65_536))

    assert long < short * 32 * 0.6

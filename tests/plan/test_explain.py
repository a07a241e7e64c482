from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tinderbox.models.card import Card
from tinderbox.models.shapes import find_shape
from tinderbox.plan.explain import Room, advice
from tinderbox.plan.footprint import footprint
from tinderbox.plan.settings import Settings
from tinderbox.units import GB


def advised(model: str, settings: Settings, capacity: int, *, others: bool = False) -> str:
    card = find_shape(model)
    requantise: Callable[[str], Card] | None = partial(find_shape, model) if others else None
    room = Room(capacity, lambda count: count * capacity, requantise)
    return "\n".join(advice(card, settings, footprint(card, settings), room))


def test_a_smaller_cache_is_advised_where_it_is_enough() -> None:
    words = advised("llama-3.1-8b", Settings(context=32_768), 9 * GB)

    assert "With q8_0 caches 32768 tokens fit (--kv-type q8_0)." in words


def test_the_longest_context_that_fits_really_fits() -> None:
    words = advised("llama-3.1-8b", Settings(context=131_072), 9 * GB)
    longest = int(words.split("A context of ")[1].split()[0])

    card = find_shape("llama-3.1-8b")
    assert footprint(card, Settings(context=longest)).total <= 9 * GB
    assert footprint(card, Settings(context=longest + 1024)).total > 9 * GB


def test_a_coarser_quantisation_is_advised_where_the_weights_are_too_large() -> None:
    words = advised("qwen3-32b", Settings(), 16 * GB, others=True)

    assert "(--quant IQ3_XXS)" in words


def test_no_quantisation_is_advised_that_nobody_can_give() -> None:
    assert "--quant" not in advised("qwen3-32b", Settings(), 16 * GB)


def test_two_boxes_are_advised_where_one_is_too_small() -> None:
    assert "On two such boxes it fits (--boxes 2)." in advised("llama-3.1-70b", Settings(), 30 * GB)


def test_more_boxes_are_advised_only_where_so_many_are_enough() -> None:
    assert "boxes" not in advised("deepseek-r1", Settings(), 10 * GB)


def test_who_has_room_is_told_how_much_context_fits() -> None:
    assert "Up to 131072 tokens of context fit" in advised("llama-3.1-8b", Settings(), 64 * GB)


def test_who_has_room_is_told_of_a_finer_quantisation() -> None:
    assert "Q5_K_M fits too" in advised("llama-3.1-8b", Settings(), 64 * GB, others=True)


def test_a_context_beyond_the_training_is_pointed_out() -> None:
    assert "was trained for 40960 tokens; 65536 for a sequence is beyond that." in advised(
        "qwen3-8b", Settings(context=65_536), 64 * GB
    )

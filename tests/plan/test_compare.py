"""Boxes side by side."""

from __future__ import annotations

from tinderbox.machine.catalogue import boxes, find_box
from tinderbox.models.shapes import find_shape
from tinderbox.plan.compare import compare
from tinderbox.plan.settings import Settings

CARD = find_shape("gpt-oss-120b", "MXFP4")


def test_those_that_fit_come_first_and_the_fastest_of_them_at_the_top() -> None:
    found = compare(CARD, boxes(), Settings())

    fits = [one.fits for one in found]
    assert fits == sorted(fits, reverse=True)
    assert found[0].machine.id.startswith("rtx-pro-6000")


def test_a_card_with_too_little_memory_has_no_price_for_a_token() -> None:
    (found,) = compare(CARD, [find_box("rtx-4090")], Settings())

    assert (found.fits, found.tokens_per_joule, found.dollars_per_token_per_s) == (False, None, None)


def test_what_the_catalogue_does_not_know_stays_unknown() -> None:
    (found,) = compare(CARD, [find_box("lenovo-thinkstation-pgx")], Settings())

    assert found.fits
    assert (found.tokens_per_joule, found.dollars_per_token_per_s) == (None, None)


def test_a_token_is_priced_by_the_lowest_price_seen() -> None:
    (found,) = compare(CARD, [find_box("dgx-spark")], Settings())

    assert found.speed.decode is not None
    assert found.dollars_per_token_per_s == 3999 / found.speed.decode.value
    assert found.tokens_per_joule == found.speed.decode.value / 240

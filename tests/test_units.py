"""Amounts as people write and read them."""

import pytest

from tinderbox.units import format_bytes, format_duration, parse_bytes


def test_bytes_are_shown_in_decimal_units() -> None:
    assert format_bytes(21_400_000_000) == "21.4 GB"


def test_an_amount_of_memory_can_be_given_in_either_unit() -> None:
    assert (parse_bytes("8GB"), parse_bytes("8 GiB"), parse_bytes("512")) == (8 * 10**9, 8 * 2**30, 512)


def test_words_are_no_amount_of_memory() -> None:
    with pytest.raises(ValueError, match="no amount of memory"):
        parse_bytes("plenty")


def test_durations_are_shown_in_the_unit_that_fits() -> None:
    assert [format_duration(s) for s in (0.25, 7.04, 75, 7300)] == ["250 ms", "7.0 s", "1 min 15 s", "2 h 1 min"]

"""Patterns and ranges of numbers as automata."""

import itertools
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.automaton import automaton, bounded, meet, relieved
from tinderbox.serve.structure.numbers import Range, number_automaton

TEXTS = ["".join(letters) for length in range(5) for letters in itertools.product("ab,x1Z", repeat=length)]


@pytest.mark.parametrize(
    "pattern",
    ["ab", "^a|b$", "^(a|b)*x?$", "(^|,)a($|,)", r"[^\d]x", "^(?:ab|x[ab1])+$", "a{2,3}$", "", "^$", "^a+?1$", r"\w,"],
)  # fmt: skip
def test_an_automaton_accepts_what_its_pattern_matches(pattern: str) -> None:
    found = automaton(pattern)

    assert [text for text in TEXTS if found.accepts(text)] == [text for text in TEXTS if re.search(pattern, text)]


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[a", "a{3", "a{3,1}", "*a", "a**", "\\", r"\q", r"\p{Greek}", "[b-a]", "(?!a)"]
)
def test_a_broken_pattern_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(BadRequest, match="at character"):
        automaton(pattern)


def test_automata_can_be_met_bounded_and_relieved_of_words() -> None:
    found = relieved(bounded(meet(automaton("^[ab]*$"), automaton("b")), 2, 3), ["ab", "bbb"])

    assert [text for text in TEXTS if found.accepts(text)] == [
        text for text in TEXTS if re.fullmatch("(?=.*b)[ab]{2,3}", text) and text not in {"ab", "bbb"}
    ]


@given(st.integers(-500, 500), st.integers(0, 700), st.integers(0, 2), st.booleans(), st.integers(-1300, 1300))
def test_a_number_is_accepted_when_it_is_in_its_range(
    low: int, size: int, decimals: int, above: bool, number: int
) -> None:
    unit = Fraction(1, 10**decimals)
    wanted = Range(low * unit, (low + size) * unit, above=above)
    text = f"{float(number * unit):.{decimals}f}"

    inside = low + above <= number <= low + size

    assert number_automaton(wanted, integer=False).accepts(text) == inside

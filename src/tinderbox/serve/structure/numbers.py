"""Numbers within a range as automata: which decimal texts are numbers of a schema.

Fewer texts than there are numbers (no exponent, few decimals), each of them right: what is constrained is what a model
may write, and a model needs one way to write a number, not all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.automaton import Automaton, automaton, meet, remainder

_LARGEST = 10**15 - 1  # beyond it a double no longer tells neighbours apart
_DECIMALS = 3  # after those of the bounds
_MOST_DECIMALS = 9
_LARGEST_STEP = 1000
PLAIN_INTEGER = "-?(0|[1-9][0-9]{0,14})"
PLAIN_NUMBER = r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, either of them excluded or unknown, and multiples of `step`."""

    low: Fraction | None = None
    high: Fraction | None = None
    above: bool = False  # `low` itself is excluded
    below: bool = False  # `high` itself is excluded
    step: Fraction | None = None

    @property
    def is_plain(self) -> bool:
        return self.low is None and self.high is None and self.step is None


def number_automaton(wanted: Range, *, integer: bool) -> Automaton:
    """The texts of the numbers wanted; empty where there are none. Raises BadRequest for bounds too fine to follow."""
    if wanted.is_plain:
        return automaton(f"^{PLAIN_INTEGER if integer else PLAIN_NUMBER}$")
    if wanted.step is None:
        scales = [0] if integer else range(_scale(wanted) + 1)
        return _texts(wanted, scales)
    scale = 0 if integer else _decimals(wanted.step)
    step = wanted.step if not integer else Fraction(wanted.step.numerator)
    units = int(step * 10**scale)
    if units > _LARGEST_STEP:
        raise BadRequest(f"multipleOf takes steps up to {_LARGEST_STEP} (of the last decimal).", "Use an enum.")
    return meet(_texts(wanted, [scale]), remainder(units))


def _scale(wanted: Range) -> int:
    finest = max(_decimals(bound) for bound in (wanted.low, wanted.high) if bound is not None)
    return min(finest + _DECIMALS, max(finest, _MOST_DECIMALS))


def _decimals(number: Fraction) -> int:
    """The decimals that `number` is written with."""
    for decimals in range(_MOST_DECIMALS + 1):
        if (number * 10**decimals).denominator == 1:
            return decimals
    raise BadRequest(f"A bound or a step with more than {_MOST_DECIMALS} decimals cannot be kept.", "Round it.")


def _texts(wanted: Range, scales: Iterable[int]) -> Automaton:
    patterns = [text for scale in scales for text in _scaled(wanted, scale)]
    return automaton("^(" + "|".join(patterns) + ")$") if patterns else Automaton((), frozenset())


def _scaled(wanted: Range, scale: int) -> list[str]:
    """Patterns of the numbers with exactly `scale` decimals: whole numbers of units, with a point set into them."""
    unit = Fraction(1, 10**scale)
    low = -_LARGEST if wanted.low is None else math.ceil(wanted.low / unit)
    high = _LARGEST if wanted.high is None else math.floor(wanted.high / unit)
    low += wanted.above and low * unit == wanted.low
    high -= wanted.below and high * unit == wanted.high
    if max(abs(low), abs(high)) > _LARGEST:
        low, high = max(low, -_LARGEST), min(high, _LARGEST)
    negative = [f"-{text}" for text in _between(max(1, -high), -low, scale)]
    return negative + _between(max(0, low), high, scale)


def _between(low: int, high: int, scale: int) -> list[str]:
    """Patterns of the units from `low` to `high`, none of them negative."""
    found = []
    for width in range(scale + 1, len(str(_LARGEST)) + 1):
        first = max(low, 0 if width == scale + 1 else 10 ** (width - 1))
        last = min(high, 10**width - 1)
        if first <= last:
            found += [_point(digits, scale) for digits in _same_width(str(first).zfill(width), str(last).zfill(width))]
    return found


def _same_width(low: str, high: str) -> list[list[str]]:
    """The digits from `low` to `high`, as classes place by place."""
    if not low:
        return [[]]
    first, last, rest = int(low[0]), int(high[0]), len(low) - 1
    if first == last:
        return [[low[0], *tail] for tail in _same_width(low[1:], high[1:])]
    found = []
    if low[1:].strip("0"):
        found += [[low[0], *tail] for tail in _same_width(low[1:], "9" * rest)]
        first += 1
    if high[1:].strip("9"):
        found += [[high[0], *tail] for tail in _same_width("0" * rest, high[1:])]
        last -= 1
    return [*found, [f"[{first}-{last}]", *["[0-9]"] * rest]] if first <= last else found


def _point(digits: list[str], scale: int) -> str:
    whole, decimals = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return "".join(whole) + ("\\." + "".join(decimals) if decimals else "")

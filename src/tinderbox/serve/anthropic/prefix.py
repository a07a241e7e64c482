"""What changes at every turn must not stand before what does not: an engine reads a prompt again from the first change.

Some coding agents begin their system prompt with a line for accounting, or with the time of day. Left there, a cached
conversation of thousands of tokens would be worth nothing at each turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ACCOUNTING = re.compile(r"x-anthropic-[a-z-]+:", re.IGNORECASE)
_ABOUT_NOW = re.compile(
    r"(?:the\s+)?(?:current|local|today|now|date|time|timestamp|session|request|run|trace|conversation|x-[a-z-]+)(?![a-z])",
    re.IGNORECASE,
)
_CHANGING = re.compile(
    r"(?<!\d)\d{1,2}:\d{2}(?!\d)"  # a time of day
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # a UUID
    r"|\b\d{10,}\b"  # seconds since 1970
    r"|\b(?=[a-f]*\d)[0-9a-f]{12,}\b",  # a random number
    re.IGNORECASE,
)
_LONGEST = 160  # letters; what is longer says more than the time


@dataclass(frozen=True, slots=True)
class Settled:
    """A system prompt that stays the same from turn to turn, and the lines taken from its start that do not."""

    system: str
    volatile: tuple[str, ...] = ()


def settle(system: str) -> Settled:
    """Only the first lines are looked at; lines for accounting are dropped, they are nothing to the model."""
    volatile = []
    while True:
        line, _, rest = system.partition("\n")
        if _is_volatile(line):
            volatile.append(line.strip())
        elif line.strip() and not _ACCOUNTING.match(line.strip()):
            return Settled(system, tuple(volatile))
        elif not rest:
            return Settled("", tuple(volatile))
        system = rest


def _is_volatile(line: str) -> bool:
    about_now = _ABOUT_NOW.match(line.strip().lstrip("<#*- "))
    return len(line) <= _LONGEST and about_now is not None and _CHANGING.search(line) is not None

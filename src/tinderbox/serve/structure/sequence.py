"""Members one behind another, some of them left out, with commas between and a count to keep: objects, and sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinderbox.errors import BadRequest

_MOST_STATES = 5000


@dataclass(frozen=True, slots=True)
class Member:
    text: str  # an expression
    required: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What may follow the members: `text` again and again."""

    text: str
    most: int


def in_sequence(
    rule: Callable[[str], str], members: list[Member], rest: Rest | None, low: int, high: int | None, close: str
) -> str | None:
    """The expression behind the opening bracket: `low` to `high` members and `close`. None where that cannot be.

    Raises BadRequest where more than one of `rest` would be needed: they might be the same key.
    """
    counted = low > 0 or high is not None
    if counted and len(members) ** 2 > _MOST_STATES:
        raise BadRequest("Too many properties to count.", "Leave minProperties and maxProperties out.")
    known: dict[tuple[int, int], str | None] = {}

    def end(count: int) -> str | None:
        lacking = max(0, low - count)
        if lacking > 1 and rest:
            raise BadRequest("'minProperties' beyond the properties that have names.", "Name them in 'properties'.")
        most = 0 if rest is None else min(rest.most, rest.most if high is None else high - count)
        if lacking > most:
            return None
        closing = f'gap "{close}"' if count else f'"{close}"'
        if most <= 0 or rest is None:
            return closing
        if count:
            return f'("," gap {rest.text}){{{lacking},{most}}} gap "{close}"'
        several = f'{rest.text} ("," gap {rest.text}){{0,{most - 1}}} gap "{close}"'
        return several if lacking else f'({several} | "{close}")'

    for number in range(len(members), -1, -1):
        for count in range(number + 1) if counted else range(min(2, number + 1)):
            if number == len(members):
                known[number, count] = end(count)
                continue
            member, after = members[number], known[number + 1, count + 1 if counted else 1]
            comma = '"," gap ' if count else ""
            ways = [] if after is None or (high is not None and count >= high) else [f"{comma}{member.text} {after}"]
            if not member.required and (skipped := known[number + 1, count]) is not None:
                ways.append(skipped)
            known[number, count] = rule(" | ".join(ways)) if ways else None
    return known[0, 0]

"""`Allowance`: what a key has used, beside what it may. Requests flow from a bucket that fills evenly over a minute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tinderbox.errors import LimitReached
from tinderbox.keys import Limits

_DAY = 86_400.0  # seconds


def day_of(now: float) -> date:
    """The day, in UTC, of a time in seconds since 1970."""
    return datetime.fromtimestamp(now, UTC).date()


@dataclass(slots=True)
class Allowance:
    """Used so far by one key: `spent` are minutes' requests not yet given back, `tokens` those of `day`."""

    day: date
    tokens: int = 0
    running: int = 0
    spent: float = 0.0
    at: float = 0.0

    def admit(self, limits: Limits, now: float, *, works: bool = True) -> None:
        """Count one more request; one that only looks is never too many at once, since a page looks all the time.

        Raises LimitReached, and then counts nothing.
        """
        self._forget(limits, now)
        if works and limits.at_once is not None and self.running >= limits.at_once:
            raise LimitReached(
                f"This key may have {limits.at_once} requests at once.", "Wait for one to end.", retry_after=1
            )
        if limits.tokens_per_day is not None and self.tokens >= limits.tokens_per_day:
            raise LimitReached(
                f"This key's {limits.tokens_per_day} tokens of today are used.",
                "They begin anew at midnight UTC.",
                retry_after=_whole(_DAY - now % _DAY),
            )
        if limits.requests_per_minute is not None and self.spent + 1 > limits.requests_per_minute:
            wait = _whole((self.spent + 1 - limits.requests_per_minute) * 60 / limits.requests_per_minute)
            raise LimitReached(
                f"This key may make {limits.requests_per_minute} requests a minute.", f"Wait {wait} s.", wait
            )
        self.spent += 1
        self.running += works

    def leave(self, *, works: bool = True) -> None:
        """One request has ended."""
        self.running -= works

    def headers(self, limits: Limits, now: float) -> list[tuple[bytes, bytes]]:
        """What is left, in the field's names; nothing for what has no limit."""
        told: list[tuple[str, str]] = []
        if (most := limits.requests_per_minute) is not None:
            told += _left("requests", most, math.floor(most - self.spent), self.spent * 60 / most)
        if (most := limits.tokens_per_day) is not None:
            told += _left("tokens", most, most - self.tokens, _DAY - now % _DAY)
        return [(name.encode(), value.encode()) for name, value in told]

    def _forget(self, limits: Limits, now: float) -> None:
        if limits.requests_per_minute is not None:
            back = max(0.0, now - self.at) * limits.requests_per_minute / 60
            self.spent = max(0.0, self.spent - back)
        self.at = now
        if day_of(now) != self.day:
            self.day, self.tokens = day_of(now), 0


def _whole(seconds: float) -> int:
    """Rounded up, so that who waits that long has waited enough; but not for what arithmetic alone has added."""
    return math.ceil(round(seconds, 3))


def _left(what: str, most: int, left: int, seconds: float) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-limit-{what}", str(most)),
        (f"x-ratelimit-remaining-{what}", str(max(0, left))),
        (f"x-ratelimit-reset-{what}", f"{_whole(seconds)}s"),
    ]

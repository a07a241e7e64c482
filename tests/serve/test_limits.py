"""What a key may use, over time that the test tells."""

import pytest

from tinderbox.errors import LimitReached
from tinderbox.keys import Limits
from tinderbox.serve.limits import Allowance, day_of
from tinderbox.serve.relay import count_tokens

NOON = 1_777_636_800.0  # 1 May 2026, 12:00 UTC


def fresh() -> Allowance:
    return Allowance(day_of(NOON))


def test_requests_come_back_evenly_over_a_minute() -> None:
    allowance, limits = fresh(), Limits(requests_per_minute=2)
    allowance.admit(limits, NOON)
    allowance.admit(limits, NOON)

    with pytest.raises(LimitReached) as refused:
        allowance.admit(limits, NOON + 1)
    allowance.admit(limits, NOON + 30)

    assert refused.value.retry_after == 29
    with pytest.raises(LimitReached):
        allowance.admit(limits, NOON + 31)


def test_what_was_refused_does_not_count() -> None:
    allowance, limits = fresh(), Limits(requests_per_minute=1)
    allowance.admit(limits, NOON)
    with pytest.raises(LimitReached):
        allowance.admit(limits, NOON + 59)

    allowance.admit(limits, NOON + 60)


def test_tokens_begin_anew_at_midnight() -> None:
    allowance, limits = fresh(), Limits(tokens_per_day=100)
    allowance.tokens = 100

    with pytest.raises(LimitReached) as refused:
        allowance.admit(limits, NOON)
    allowance.admit(limits, NOON + refused.value.retry_after)

    assert refused.value.retry_after == 12 * 3600
    assert allowance.tokens == 0


def test_one_that_ends_makes_room_for_the_next() -> None:
    allowance, limits = fresh(), Limits(at_once=1)
    allowance.admit(limits, NOON)
    with pytest.raises(LimitReached, match="1 requests at once"):
        allowance.admit(limits, NOON)

    allowance.leave()

    allowance.admit(limits, NOON)


def test_a_look_is_never_too_many_at_once() -> None:
    allowance, limits = fresh(), Limits(at_once=1)
    allowance.admit(limits, NOON, works=False)
    allowance.admit(limits, NOON)
    allowance.admit(limits, NOON, works=False)

    allowance.leave()
    allowance.leave(works=False)

    allowance.admit(limits, NOON)


def test_a_clock_that_is_set_back_gives_nothing_away() -> None:
    allowance, limits = fresh(), Limits(requests_per_minute=1)
    allowance.admit(limits, NOON)

    with pytest.raises(LimitReached):
        allowance.admit(limits, NOON - 3600)


def test_what_is_left_is_told_in_the_fields_names() -> None:
    allowance, limits = fresh(), Limits(requests_per_minute=60, tokens_per_day=100)
    allowance.admit(limits, NOON)
    allowance.tokens = 30

    told = dict(allowance.headers(limits, NOON))

    assert told[b"x-ratelimit-limit-requests"] == b"60"
    assert told[b"x-ratelimit-remaining-requests"] == b"59"
    assert told[b"x-ratelimit-reset-requests"] == b"1s"
    assert told[b"x-ratelimit-remaining-tokens"] == b"70"


TIMINGS = (
    b'"timings": {"prompt_n": 5, "cache_n": 2, "predicted_n": 3, "prompt_per_second": 1, "predicted_per_second": 1}'
)


@pytest.mark.parametrize(
    ("tail", "tokens"),
    [
        (b'{"usage": {"prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12}}', 12),
        (b'data: {"choices": [], ' + TIMINGS + b"}\n\ndata: [DONE]\n\n", 10),
        (b'{"content": "\\"total_tokens\\": 0"}', None),
        (b"", None),
    ],
    ids=["whole", "streamed", "said by the model", "nothing"],
)
def test_the_engines_own_count_is_read(tail: bytes, tokens: int | None) -> None:
    assert count_tokens(tail) == tokens

"""What stands at the start of a system prompt and changes at every turn."""

import pytest

from tinderbox.serve.anthropic.conversation import chat_of
from tinderbox.serve.anthropic.prefix import Settled, settle
from tinderbox.serve.anthropic.requests import MessagesRequest

BILLING = "x-anthropic-billing-header: cc_version=2.1.4.c01; cc_entrypoint=cli; cch=4f2a1;"


def test_a_line_for_accounting_is_dropped() -> None:
    assert settle(f"{BILLING}\nYou are an agent.\nBe brief.") == Settled("You are an agent.\nBe brief.")


@pytest.mark.parametrize(
    "line",
    [
        "Current time: 2026-11-23T21:03:47Z",
        "Today is Monday, 23 November 2026, 21:03.",
        "The current date and time is 2026-11-23 21:03:47.",
        "session_id: 0b2c9e14-8a4e-4f0e-9b1b-1f1f5d5a9c3e",
        "x-request-id: 9f8a7b6c5d4e",
        "# Timestamp 1795467922",
    ],
)
def test_a_line_that_changes_at_every_turn_is_taken_from_the_start(line: str) -> None:
    assert settle(f"{BILLING}\n{line}\n\nYou are an agent.") == Settled("You are an agent.", (line,))


@pytest.mark.parametrize(
    "system",
    [
        "",
        "You are an agent.",
        "Today's date: 2026-11-23\nYou are an agent.",
        "You answer for a shop that is open from 10:30 to 18:00.",
        "The date is a fruit.",
        "You are an agent.\nCurrent time: 21:03",
        "Current rules, " + "which are long, " * 20 + "since 21:03",
    ],
)
def test_what_stays_for_a_day_or_says_something_else_stays_where_it_is(system: str) -> None:
    assert settle(system) == Settled(system)


def test_a_prompt_of_nothing_else_is_empty() -> None:
    assert settle(BILLING) == Settled("")


def test_what_was_taken_is_told_behind_the_conversation() -> None:
    request = MessagesRequest.model_validate(
        {
            "model": "m",
            "max_tokens": 1,
            "system": "Current time: 21:03\nBe brief.",
            "messages": [{"role": "user", "content": "Hello."}],
        }
    )

    assert chat_of(request)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello.\nCurrent time: 21:03"},
    ]

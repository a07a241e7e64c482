"""What of a long conversation is sent to a model."""

from typing import Any

from tinderbox.agents.window import fit, room_of, told_of


def result(number: int) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call-{number}", "content": f"{number} " + "x" * 998}


TASK = {"role": "user", "content": "Do it."}


def test_a_conversation_that_fits_is_sent_as_it_is() -> None:
    said = [TASK, result(1), result(2)]

    assert fit(said, room=2100) == said


def test_the_oldest_results_are_shortened_first() -> None:
    said = [TASK, *map(result, range(4))]

    sent = fit(said, room=3500)

    assert [len(message["content"]) < 300 for message in sent] == [True, True, True, True, False]
    assert sum(len(message["content"]) for message in sent) <= 3500


def test_what_was_sent_before_begins_the_same_in_the_next_steps() -> None:
    said = [TASK, *map(result, range(9))]

    steps = [fit(said[:end], room=6500) for end in (8, 9, 10)]

    assert steps[0] != said[:8]
    assert steps[1][:8] == steps[0]
    assert steps[2][:9] == steps[1]


def test_what_a_person_asked_is_never_shortened() -> None:
    task = {"role": "user", "content": "y" * 5000}

    assert fit([task, result(1), result(2)], room=3000)[0] == task


def test_room_is_what_tools_and_answer_leave() -> None:
    assert room_of(context=4096, tools=3000, answer=1024) == 6216
    assert room_of(context=512, tools=3000, answer=128) == 0


def test_a_small_context_is_told_less_of_a_result() -> None:
    assert [told_of(context) for context in (1024, 4096, 32768)] == [600, 1536, 4000]

"""What a run has done is not done again, what it may not do is not done, and it spends no more than it may."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.agents.trail import make_trail, said
from tinderbox.agents.journal import messages_of
from tinderbox.agents.steps import MOST_STARTS, Resting
from tinderbox.errors import LimitReached, TinderboxError

pytestmark = pytest.mark.anyio
ASKS = 'approval = ["files_write"]'


async def test_what_a_process_has_finished_is_told_again_and_not_done_again(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin()
    await steps.chat("echo:1b", said)
    first = await steps.act(tools["files_write"], "call-1", {"path": "drafts/a.md", "content": "once"})
    (trail.drafts / "a.md").write_text("changed by a person")

    again, tools = trail.begin()
    second = await again.act(tools["files_write"], "call-1", {"path": "drafts/a.md", "content": "once"})

    assert first == second
    assert (trail.drafts / "a.md").read_text() == "changed by a person"


async def test_what_was_broken_off_is_not_done_again_but_told_to_be_unknown(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    (trail.drafts / "a.md").write_text("old")
    steps, tools = trail.begin()
    await steps.chat("echo:1b", said)
    trail.journal.begin(1, "tool", "files_edit", parent=1, call="call-1", given={})

    again, tools = trail.begin()
    told = await again.act(tools["files_edit"], "call-1", {"path": "drafts/a.md", "old": "old", "new": "new"})

    assert "not known whether this was done" in told
    assert (trail.drafts / "a.md").read_text() == "old"
    assert again.steps[-1].state == "unknown"


async def test_what_makes_no_difference_when_done_twice_is_done_again(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    (trail.drafts / "a.md").write_text("hello")
    steps, tools = trail.begin()
    await steps.chat("echo:1b", said)
    trail.journal.begin(1, "tool", "files_read", parent=1, call="call-1", given={})

    again, tools = trail.begin()

    assert await again.act(tools["files_read"], "call-1", {"path": "drafts/a.md"}) == "hello"


async def test_a_call_that_asks_rests_until_a_person_has_spoken(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin(ASKS)
    await steps.chat("echo:1b", said)
    arguments = {"path": "drafts/a.md", "content": "hello"}

    with pytest.raises(Resting):
        await steps.act(tools["files_write"], "call-1", arguments)
    with pytest.raises(Resting):
        await trail.begin(ASKS)[0].act(tools["files_write"], "call-1", arguments)

    assert list(trail.drafts.iterdir()) == []


async def test_what_a_person_has_allowed_is_done_once(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin(ASKS)
    await steps.chat("echo:1b", said)
    arguments = {"path": "drafts/a.md", "content": "hello"}
    with pytest.raises(Resting) as resting:
        await steps.act(tools["files_write"], "call-1", arguments)

    trail.journal.put(1, replace(resting.value.step, state="allowed"))
    again, tools = trail.begin(ASKS)
    await again.act(tools["files_write"], "call-1", arguments)

    assert (trail.drafts / "a.md").read_text() == "hello"
    assert [step.state for step in trail.journal.steps(1)] == ["done", "done"]


async def test_the_model_is_told_of_a_refusal(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin(ASKS)
    await steps.chat("echo:1b", said)
    with pytest.raises(Resting) as resting:
        await steps.act(tools["files_write"], "call-1", {"path": "drafts/a.md", "content": "hello"})

    trail.journal.end(1, resting.value.step, "denied", "Not this one.")
    again, tools = trail.begin(ASKS)

    assert await again.act(tools["files_write"], "call-1", resting.value.step.given) == "Not this one."
    assert list(trail.drafts.iterdir()) == []


async def test_nobody_is_asked_about_a_call_that_is_sent_back(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin(ASKS)
    await steps.chat("echo:1b", said)

    told = await steps.act(tools["files_write"], "call-1", {"path": "drafts/a.md"})

    assert "'content' is missing" in told


async def test_a_run_ends_at_its_steps(tmp_path: Path) -> None:
    steps, _ = make_trail(tmp_path).begin()
    for _ in range(3):
        await steps.chat("echo:1b", said)

    with pytest.raises(LimitReached, match="3 steps"):
        await steps.chat("echo:1b", said)


async def test_a_run_ends_at_its_tokens_those_of_the_processes_before_too(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, _ = trail.begin()
    await steps.chat("echo:1b", said)
    trail.journal.end(1, replace(steps.steps[0], number=2), "done", [], read=90, written=10)

    with pytest.raises(LimitReached, match="100 tokens"):
        await trail.begin()[0].chat("echo:1b", said)


async def test_the_last_answer_must_be_the_end(tmp_path: Path) -> None:
    steps, _ = make_trail(tmp_path).begin()
    await steps.chat("echo:1b", said)
    before = steps.must_end
    await steps.chat("echo:1b", said)

    assert (before, steps.must_end) == (False, True)


async def test_the_same_call_with_the_same_end_is_hinted_at_and_then_broken(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, tools = trail.begin()
    await steps.chat("echo:1b", said)

    told = [await steps.act(tools["files_list"], f"call-{number}", {"path": "drafts"}) for number in range(3)]

    assert ["made this very call before" in words for words in told] == [False, True, True]
    assert steps.must_end


async def test_what_was_called_twice_to_the_same_end_may_not_be_called_next(tmp_path: Path) -> None:
    steps, tools = make_trail(tmp_path).begin()
    await steps.chat("echo:1b", said)
    await steps.act(tools["files_list"], "call-1", {"path": "drafts"})
    before = steps.barred

    await steps.act(tools["files_list"], "call-2", {"path": "drafts"})

    assert (before, steps.barred) == (None, "files_list")


async def test_a_run_that_comes_no_step_further_is_not_started_for_ever(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    for _ in range(MOST_STARTS):
        trail.begin()

    with pytest.raises(TinderboxError, match="without coming a step further"):
        trail.begin()


async def test_what_was_said_is_there_for_the_next_process(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    steps, _ = trail.begin()
    await steps.chat("echo:1b", said)

    again, _ = trail.begin()

    assert list(map(str, messages_of(again.steps))) == ["request", "answer"]
    assert (again.tokens, again.answers) == (10, 1)

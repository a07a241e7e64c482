"""What was decided can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tinderbox.memory.decisions import KEPT, Decision, as_decision, keep_decisions, read_decisions
from tinderbox.memory.event import Evict, Grant
from tinderbox.units import GB

NOON = datetime(2026, 1, 1, 12, 3, tzinfo=UTC)


def test_a_decision_is_read_back_as_it_was(tmp_path: Path) -> None:
    decision = Decision(NOON, "evicted", "qwen", None, "to make room for run 7 (3.1 GB); idle for 42 min")

    keep_decisions(tmp_path, [decision])

    assert read_decisions(tmp_path) == [decision]


def test_the_newest_come_last_and_of_one_holder_where_asked(tmp_path: Path) -> None:
    names = ["a", "b", "a", "b"]
    keep_decisions(tmp_path, [Decision(NOON + timedelta(minutes=i), "granted", n, i, "") for i, n in enumerate(names)])

    assert [decision.size for decision in read_decisions(tmp_path, limit=3)] == [1, 2, 3]
    assert [decision.size for decision in read_decisions(tmp_path, "a")] == [0, 2]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    keep_decisions(tmp_path, [Decision(NOON, "granted", "a", i, "") for i in range(KEPT + 5)])

    assert read_decisions(tmp_path, limit=KEPT + 5)[0].size == 5


def test_a_use_of_what_is_there_is_no_decision() -> None:
    assert as_decision(Grant("chat", 0), NOON) is None


def test_an_instruction_is_kept_with_its_reason() -> None:
    assert as_decision(Grant("chat", GB, "there was room"), NOON) == Decision(
        NOON, "granted", "chat", GB, "there was room"
    )
    assert as_decision(Evict("chat", "idle"), NOON) == Decision(NOON, "evicted", "chat", None, "idle")

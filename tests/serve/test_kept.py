"""Responses that are kept: whose they are, and for how long."""

from pathlib import Path

import pytest

from tinderbox.errors import BadRequest, NoSuchResponse
from tinderbox.serve.kept import Kept, Turn

DAY = 86_400.0


def turn(id: str, previous: str | None = None) -> Turn:
    return Turn([{"id": f"in-{id}"}], {"id": id, "previous_response_id": previous, "output": [{"id": f"out-{id}"}]})


def test_a_conversation_is_read_back_from_its_start(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("", turn("a"))
    kept.keep("", turn("b", previous="a"))

    assert [item["id"] for item in kept.before("", "b")] == ["in-a", "out-a", "in-b", "out-b"]


def test_a_response_is_its_owners_alone(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("alice", turn("a"))

    assert kept.find("alice", "a") == turn("a")
    with pytest.raises(NoSuchResponse):
        kept.find("bob", "a")
    with pytest.raises(NoSuchResponse):
        kept.delete("", "a")
    with pytest.raises(BadRequest, match="previous response 'a' was not found"):
        kept.before("bob", "a")


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    times = iter(range(100))
    kept = Kept(tmp_path, clock=lambda: float(next(times)), most=2)
    for name in "abc":
        kept.keep("", turn(name))

    assert kept.find("", "b") == turn("b")
    with pytest.raises(NoSuchResponse):
        kept.find("", "a")


def test_after_a_month_it_is_forgotten(tmp_path: Path) -> None:
    Kept(tmp_path, clock=lambda: 0.0).keep("", turn("a"))

    assert Kept(tmp_path, clock=lambda: 29 * DAY).find("", "a") == turn("a")
    with pytest.raises(NoSuchResponse):
        Kept(tmp_path, clock=lambda: 31 * DAY).find("", "a")

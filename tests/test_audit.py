"""Who did what can be asked for, and holds no secret."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tinderbox.audit import KEPT, Audit, Deed, deed, keep_deeds, noting, noting_here, read_deeds, without_secrets
from tinderbox.errors import NotFound

NOON = datetime(2026, 1, 1, 12, 3, tzinfo=UTC)


def fail(taken: list[Deed], error: BaseException) -> None:
    with noting(taken.append, "laptop", "model removed", "qwen"):
        raise error


def test_a_deed_is_read_back_as_it_was(tmp_path: Path) -> None:
    done = Deed(NOON, "laptop", "model removed", "qwen3:0.6b", "done")

    keep_deeds(tmp_path, [done])

    assert read_deeds(tmp_path) == [done]


def test_the_newest_come_last_and_only_so_many_are_kept(tmp_path: Path) -> None:
    keep_deeds(tmp_path, [Deed(NOON, "a", "model loaded", str(i), "done") for i in range(KEPT + 5)])

    assert [done.target for done in read_deeds(tmp_path, limit=2)] == [str(KEPT + 3), str(KEPT + 4)]
    assert read_deeds(tmp_path, limit=KEPT + 5)[0].target == "5"


def test_what_fails_is_noted_with_its_reason() -> None:
    taken: list[Deed] = []

    with pytest.raises(NotFound):
        fail(taken, NotFound("There is no model 'qwen'."))
    with pytest.raises(KeyboardInterrupt):
        fail(taken, KeyboardInterrupt())

    assert [done.outcome for done in taken] == ["failed: There is no model 'qwen'.", "broken off (KeyboardInterrupt)"]


def test_what_a_command_does_without_the_box_is_noted_as_this_machine(tmp_path: Path) -> None:
    with noting_here(tmp_path, "job submitted", "quantise") as say:
        say("job 3")

    (done,) = read_deeds(tmp_path)
    assert (done.who, done.what, done.target, done.outcome) == ("this machine", "job submitted", "quantise", "job 3")


def test_a_state_that_cannot_be_written_stops_no_command(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all, but long enough to be looked at " * 40)

    with noting_here(tmp_path, "model removed", "qwen"):
        done = True

    assert done


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://me:pass@host/a.gguf?token=abc#x", "https://host/a.gguf"),
        ("See https://host/a?sig=abc now", "See https://host/a now"),
        ("There is no key 'tb_0a1b_s3cr-e_t'.", "There is no key 'tb_0a1b_...'."),
        ("hf:org/repo:Q4_K_M", "hf:org/repo:Q4_K_M"),
    ],
)
def test_secrets_of_names_and_addresses_are_left_out(said: str, kept: str) -> None:
    assert without_secrets(said) == kept


def test_a_target_of_any_length_is_bounded() -> None:
    assert len(deed("laptop", "model loaded", "x" * 100_000).target) == 500


def test_deeds_are_written_in_their_order_while_the_loop_goes_on(tmp_path: Path) -> None:
    async def take_many() -> None:
        audit = Audit(tmp_path)
        list(map(audit.take, map(partial(deed, "laptop", "model loaded"), map(str, range(100)))))
        await audit.write()

    asyncio.run(take_many())

    assert [int(done.target) for done in read_deeds(tmp_path, limit=100)] == list(range(100))

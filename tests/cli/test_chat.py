"""Ctrl-C while an answer comes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tinderbox.cli.chat import interruptible, stream_answer
from tinderbox.client import Client


class Presser:
    """Presses Ctrl-C as it is tidied away, where Python drops every exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class Box(Client):
    """A box that says three words, and holds something that is tidied away after the first."""

    def chat(self, model: str, messages: list[dict[str, Any]], **sampling: object) -> Iterator[dict[str, Any]]:
        yield piece("one ")
        Presser()
        yield piece("two ")
        yield piece("three")


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def test_ctrl_c_is_heard_though_who_started_us_had_it_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    with pytest.raises(KeyboardInterrupt), interruptible() as presses:
        signal.raise_signal(signal.SIGINT)

    assert len(presses) == 1
    assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_python_drops_stops_the_answer_at_its_next_piece() -> None:
    with Box("http://127.0.0.1:1") as box, interruptible() as presses:
        last = stream_answer(box, "m", [], presses)

    assert last == {"text": "one two "}

"""Answers told by us, in OpenAI's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tinderbox.serve.chunks import Chunks
from tinderbox.serve.delta import Delta

TOP = [{"token": "one", "logprob": -0.5}, {"token": "two", "logprob": -1.5}]
SAID = [
    Delta(text="one", logprobs={"content": [{"token": "one", "logprob": -0.5, "top_logprobs": TOP}]}),
    Delta(text=" two", logprobs={"content": [{"token": " two", "logprob": -0.1, "top_logprobs": []}]}, finish="stop"),
]


def told(**asked: Any) -> bytes:
    chunks = Chunks({"model": "m", **asked}, texts=True)
    return b"".join(map(chunks.tell, SAID)) + chunks.end()


def test_a_completions_logprobs_are_lists_side_by_side() -> None:
    (choice,) = json.loads(told())["choices"]

    assert choice["logprobs"] == {
        "tokens": ["one", " two"],
        "token_logprobs": [-0.5, -0.1],
        "top_logprobs": [{"one": -0.5, "two": -1.5}, {}],
        "text_offset": [0, 3],
    }


@pytest.mark.parametrize(("place", "tokens", "offset"), [(0, ["one"], [0]), (1, [" two"], [3])])
def test_streamed_each_token_says_where_it_begins(place: int, tokens: list[str], offset: list[int]) -> None:
    events = told(stream=True).decode().strip().split("\n\n")

    logprobs = json.loads(events[place].removeprefix("data: "))["choices"][0]["logprobs"]

    assert (logprobs["tokens"], logprobs["text_offset"]) == (tokens, offset)

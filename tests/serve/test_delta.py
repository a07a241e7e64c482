"""Deltas out of a stream of events, and the stop sequences found in them."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinderbox.serve.delta import CallPiece, Delta, Deltas, StreamFailed, Usage


def event(**delta: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"finish_reason": None, "delta": delta}]}).encode() + b"\n\n"


def end(reason: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"finish_reason": reason, "delta": {}}]}).encode() + b"\n\n"


@given(st.lists(st.integers(0, 200)))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    stream = event(role="assistant", content=None) + event(content="Grüße") + end("stop") + b"data: [DONE]\n\n"
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    deltas = Deltas()

    read = [delta for start, stop in pairwise(places) for delta in deltas.read(stream[start:stop])]

    assert read == [Delta(), Delta(text="Grüße"), Delta(finish="stop")]


def test_thinking_and_calls_are_told_apart_from_text() -> None:
    call = {"index": 1, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}

    read = list(Deltas().read(event(reasoning_content="hm") + event(tool_calls=[call])))

    assert read == [Delta(thinking="hm"), Delta(calls=(CallPiece(1, "a", "f", "{"),))]


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_progress": {"total": 9, "cache": 4, "processed": 5}}, Usage(9, 4, 0)),
        ({"timings": {"cache_n": 4, "prompt_n": 5, "predicted_n": 2}}, Usage(9, 4, 2)),
        (
            {"usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}},
            Usage(9, 4, 3),
        ),
    ],
    ids=["while it reads", "while it answers", "at the end"],
)
def test_tokens_are_counted_from_whatever_says_them(said: dict[str, object], usage: Usage) -> None:
    (delta,) = Deltas().read(b"data: " + json.dumps({"choices": []} | said).encode() + b"\n\n")

    assert delta.usage == usage


def test_an_error_in_mid_stream_is_raised_as_it_came() -> None:
    with pytest.raises(StreamFailed) as failure:
        list(Deltas().read(b'data: {"error": {"message": "no"}}\n\n'))

    assert failure.value.event == {"error": {"message": "no"}}


def test_the_text_ends_before_the_first_stop_sequence() -> None:
    deltas = Deltas(["END", "STOP"])

    read = [*deltas.read(event(content="one E")), *deltas.read(event(content="ND two STOP"))]

    assert [delta.text for delta in read] == ["one ", ""]
    assert (read[-1].finish, read[-1].stopped_by) == ("stop", "END")


def test_nothing_is_told_of_what_came_with_the_stop_sequence_and_goes_on_after_it() -> None:
    joined = event(content="one END") + event(content=" two") + end("stop")

    read = list(Deltas(["END"]).read(joined))

    assert [(delta.text, delta.stopped_by) for delta in read] == [("one ", "END")]


def test_what_only_began_a_stop_sequence_is_told_in_the_end() -> None:
    deltas = Deltas(["END"])

    read = [*deltas.read(event(content="one E")), *deltas.read(end("length"))]

    assert "".join(delta.text for delta in read) == "one E"
    assert read[-1].stopped_by is None


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=4), st.integers(1, 5))
def test_a_stop_sequence_is_found_however_the_text_is_cut(text: str, stop: str, size: int) -> None:
    deltas = Deltas([stop])
    stream = [event(content=text[at : at + size]) for at in range(0, len(text), size)] + [end("stop")]

    read = [delta for piece in stream for delta in deltas.read(piece)]
    until = next((count for count, delta in enumerate(read) if delta.stopped_by), len(read) - 1)

    assert "".join(delta.text for delta in read[: until + 1]) == text.split(stop, maxsplit=1)[0]

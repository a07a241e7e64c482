"""Calls in an answer's text, whatever pieces it comes in."""

import json

import pytest

from tinderbox.serve.delta import Delta, Reader
from tinderbox.serve.structure.spoken import Recognised, Spoken
from tinderbox.serve.structure.tools import Tool

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [Tool("weather", "", CITY, ""), Tool("stop", "", {"type": "object", "properties": {}}, "")]
PARIS = '{"name": "weather", "arguments": {"city": "Par\\"is}"}}'
ROME = '{"name": "weather", "arguments": {"city": "Rome"}}'
BOTH = [("weather", {"city": 'Par"is}'}), ("weather", {"city": "Rome"})]


def heard(
    reader: Reader, text: str, size: int, finish: str = "stop"
) -> tuple[str, list[tuple[str, object]], str | None]:
    """The text, the calls and the reason that `text` is heard as, told in pieces of `size`."""
    pieces = [Delta(text=text[at : at + size]) for at in range(0, len(text), size)]
    deltas = [reader.read(delta) for delta in [*pieces, Delta(finish=finish)]]
    calls: dict[int, list[str]] = {}
    for piece in (piece for delta in deltas for piece in delta.calls):
        calls.setdefault(piece.index, [piece.name, ""])[1] += piece.arguments
    said = "".join(delta.text for delta in deltas)
    return said, [(name, json.loads(arguments)) for name, arguments in calls.values()], deltas[-1].finish


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_call_that_a_grammar_wrote_is_told_as_it_comes(size: int) -> None:
    assert heard(Spoken(), PARIS, size) == ("", BOTH[:1], "tool_calls")
    assert heard(Spoken(), f"[{PARIS}, {ROME}]", size) == ("", BOTH, "tool_calls")


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_behind_a_mark_it_is_a_call_and_else_an_answer(size: int) -> None:
    assert heard(Spoken(mark=True), f"<tool_call>{PARIS}</tool_call>", size) == ("", BOTH[:1], "tool_calls")
    assert heard(Spoken(mark=True), '{"a": "<tool_call>"}', size) == ('{"a": "<tool_call>"}', [], "stop")


def test_a_call_that_was_cut_is_told_so_far() -> None:
    reader = Spoken()

    deltas = [reader.read(Delta(text=PARIS[:45])), reader.read(Delta(finish="length"))]

    assert "".join(piece.arguments for piece in deltas[0].calls) == PARIS[33:45]
    assert deltas[1].finish == "length"


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [
        f"{PARIS}\n{ROME}",
        f" [{PARIS},{ROME}]",
        f"```json\n[{PARIS}, {ROME}]\n```",
        f"<tool_call>\n{PARIS}\n</tool_call>\n<tool_call>\n{ROME}",
        f"<tools>{PARIS} {ROME}</tools>",
        f"<{PARIS}, {ROME}>",
        f'{{"type": "function", "function": {PARIS}}} {ROME.replace("arguments", "parameters")}',
    ],
)
def test_calls_in_plain_text_are_recognised(text: str, size: int) -> None:
    assert heard(Recognised(TOOLS), text, size) == ("", BOTH, "tool_calls")


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "The weather is fine.",
        f"You could say {PARIS}.",
        f"```json\n{PARIS}\n``` is how to call it.",
        '{"name": "Tom", "age": 3}',
        '{"name": "weather", "arguments": {"town": "Paris"}}',
        '{"name": "wether", "arguments": {"city": "Paris"}}',
        f'{PARIS}\n{{"name": "other", "arguments": {{}}}}',
        "[1, 2]",
        "<p>Hello</p>",
        "a <tool_call",
        "[" * 5000,
    ],
    ids=range(11),
)
def test_no_call_is_made_of_what_is_none(text: str, size: int) -> None:
    assert heard(Recognised(TOOLS), text, size) == (text, [], "stop")


def test_text_is_told_at_once_when_it_can_be_no_call() -> None:
    assert Recognised(TOOLS).read(Delta(text="The")).text == "The"
    assert Recognised(TOOLS).read(Delta(text='{"colour')).text == '{"colour'
    assert Recognised(TOOLS).read(Delta(text='{"na')).text == ""


def test_words_before_a_marked_call_stay_words() -> None:
    said, calls, _ = heard(Recognised(TOOLS), f"I will look. <tool_call>{ROME}</tool_call>", 3)

    assert (said.strip(), calls) == ("I will look.", BOTH[1:])

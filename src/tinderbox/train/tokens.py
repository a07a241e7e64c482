"""Examples as a model reads them: its own chat template, its own tokens, and which of them are learnt.

Runs in the environment `train`: `tokenizer` is a fast one of `transformers`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tinderbox.errors import WrongUsage
from tinderbox.train.dataset import Example, Message

Piece = tuple[str, bool]  # a text, and whether it is learnt
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Sequences:
    """Token sequences one behind the other: sequence i ends at `ends[i]` and comes from `places[i]`. `learnt` marks
    what is learnt with 1. An example is one sequence, a preference two: the chosen answer, then the rejected one."""

    ids: array[int]
    learnt: array[int]
    ends: array[int]
    places: list[str]

    def __len__(self) -> int:
        return len(self.ends)

    def span(self, number: int) -> tuple[int, int]:
        return (self.ends[number - 1] if number else 0), self.ends[number]

    @property
    def lengths(self) -> list[int]:
        return [last - first for first, last in map(self.span, range(len(self)))]

    @property
    def answers(self) -> list[int]:
        """How many tokens of each are learnt; the first of a sequence never is, since nothing leads to it."""
        return [sum(self.learnt[first + 1 : last]) for first, last in map(self.span, range(len(self)))]

    def save(self, folder: Path) -> None:
        for name in ("ids", "learnt", "ends"):
            (folder / name).write_bytes(getattr(self, name).tobytes())
        (folder / "places").write_text("\n".join(self.places))

    @staticmethod
    def load(folder: Path) -> Sequences:
        made = Sequences(array("i"), array("b"), array("q"), (folder / "places").read_text().split("\n"))
        for name in ("ids", "learnt", "ends"):
            getattr(made, name).frombytes((folder / name).read_bytes())
        return made


def tokenize(
    examples: Sequence[Example], tokenizer: Any, longest: int, *, template: bool, drop: bool
) -> tuple[Sequences, list[str]]:
    """The sequences of these examples, and the places of those that have more than `longest` tokens and were dropped.

    Texts are cut into pieces of that length instead. Raises WrongUsage with the places of examples that are too long
    unless `drop`, and of those that the template refuses.
    """
    made = Sequences(array("i"), array("b"), array("q"), [])
    too_long: list[str] = []
    for example in examples:
        found = [_encode(pieces, tokenizer) for pieces in _pieces(example, tokenizer, template=template)]
        if example.kind == "text":
            found = [cut for one in found for cut in _cut(*one, longest)]
        if (most := max(len(ids) for ids, _ in found)) > longest:
            too_long.append(f"{example.place} ({most})")
            continue
        if not all(any(learnt[1:]) for _, learnt in found):
            raise WrongUsage(f"{example.place}: nothing of it is learnt.", "It needs an answer.")
        for ids, learnt in found:
            made.ids.extend(ids)
            made.learnt.extend(learnt)
            made.ends.append(len(made.ids))
            made.places.append(example.place)
    if too_long and not drop:
        more = f" and {len(too_long) - _MOST_TOLD} more" if len(too_long) > _MOST_TOLD else ""
        raise WrongUsage(
            f"More than the model's {longest} tokens have {', '.join(too_long[:_MOST_TOLD])}{more}.",
            f"Shorten them, or leave them out with --length {longest}.",
        )
    if not made.ends:
        raise WrongUsage(f"No example has at most {longest} tokens.", "Choose a larger --length.")
    return made, too_long


def describe(sequences: Sequences) -> dict[str, int]:
    """The statistics of lengths that a person is told."""
    lengths = sequences.lengths
    return {
        "sequences": len(lengths),
        "tokens": len(sequences.ids),
        "learnt": sum(sequences.answers),
        "shortest": min(lengths),
        "median": int(median(lengths)),
        "longest": max(lengths),
    }


def _pieces(example: Example, tokenizer: Any, *, template: bool) -> list[list[Piece]]:
    end = tokenizer.eos_token or ""
    if example.kind == "text":
        return [[(example.text + end, True)]]
    templated = template and tokenizer.chat_template
    if example.kind == "preference":
        answers = [{"role": "assistant", "content": text} for text in (example.chosen, example.rejected)]
        chats = [(*example.messages, answer) for answer in answers]
    else:
        chats = [example.messages]
    if not templated:
        return [_plain(example, chat, end) for chat in chats]
    return [list(_chat(example, chat, tokenizer)) for chat in chats]


def _plain(example: Example, chat: Sequence[Message], end: str) -> list[Piece]:
    if [message["role"] for message in chat] != ["user", "assistant"]:
        raise WrongUsage(
            f"{example.place} is a conversation, and without a chat template there is no way to write it.",
            "Take a model with a template, or lines of prompt and completion.",
        )
    return [(chat[0]["content"], False), (chat[1]["content"] + end, True)]


def _chat(example: Example, chat: Sequence[Message], tokenizer: Any) -> Iterator[Piece]:
    """The conversation as the template writes it, in pieces: each answer, with what ends its turn, is learnt."""
    tools = list(example.tools) or None

    def write(count: int, *, asks: bool) -> str:
        messages = list(chat[:count])
        try:
            text: str = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=asks)
        except Exception as error:  # a template may raise whatever it likes
            raise WrongUsage(f"{example.place}: the model's chat template refuses it: {error}.") from error
        return text

    answers = [place for place, message in enumerate(chat) if message["role"] == "assistant"]
    done = ""
    pieces: list[Piece] = []
    for place in answers:
        before, after = write(place, asks=True), write(place + 1, asks=False)
        if not after.startswith(before):
            before = _common(before, after)
        if not before.startswith(done):  # a template that writes earlier turns anew: the last answer is learnt
            pieces, done = [], ""
        pieces += [(before[len(done) :], False), (after[len(before) :], chat[place].get("weight", 1) != 0)]
        done = after
    yield from pieces


def _common(one: str, other: str) -> str:
    length = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return one[:length]


def _encode(pieces: Sequence[Piece], tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens of all pieces together, and for each whether any of it is learnt."""
    text = "".join(piece for piece, _ in pieces)
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans, at = [], 0
    for piece, is_learnt in pieces:
        if is_learnt:
            spans.append((at, at + len(piece)))
        at += len(piece)
    ids: list[int] = found["input_ids"]
    learnt = [int(any(first < end and last > start for start, end in spans)) for first, last in found["offset_mapping"]]
    start = tokenizer.bos_token_id
    if start is not None and getattr(tokenizer, "add_bos_token", False) and ids[:1] != [start]:
        ids, learnt = [start, *ids], [0, *learnt]
    return ids, learnt


def _cut(ids: list[int], learnt: list[int], longest: int) -> list[tuple[list[int], list[int]]]:
    cuts = [(ids[at : at + longest], learnt[at : at + longest]) for at in range(0, len(ids), longest)]
    return [cut for cut in cuts if len(cut[0]) > 1] or cuts[:1]

"""What of an example is learnt, with a tokenizer of single letters."""

from typing import Any

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.train.dataset import Example
from tinderbox.train.tokens import Sequences, describe, tokenize


class Letters:
    """A tokenizer whose tokens are letters; its template writes `<role:content>`."""

    eos_token, bos_token_id, add_bos_token = "$", None, False
    chat_template: str | None = "there is one"

    def __call__(self, text: str, **options: Any) -> dict[str, Any]:
        return {"input_ids": [ord(letter) for letter in text], "offset_mapping": [(n, n + 1) for n in range(len(text))]}

    def apply_chat_template(self, messages: Any, add_generation_prompt: bool, **options: Any) -> str:
        written = "".join(f"<{message['role'][0]}:{message['content']}>" for message in messages)
        return written + ("<a:" if add_generation_prompt else "")


class Plain(Letters):
    chat_template = None


class Forgetful(Letters):
    """Its template leaves out all answers but the last."""

    def apply_chat_template(self, messages: Any, add_generation_prompt: bool, **options: Any) -> str:
        kept = [m for n, m in enumerate(messages) if m["role"] == "user" or n == len(messages) - 1]
        return super().apply_chat_template(kept, add_generation_prompt)


def said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def chat(*messages: dict[str, Any]) -> Example:
    return Example("a.jsonl, line 1", "chat", messages)


def learnt(example: Example, tokenizer: Any = None, longest: int = 100) -> list[str]:
    """Each sequence, with what is not learnt as dots."""
    found, _ = tokenize([example], tokenizer or Letters(), longest, template=True, drop=False)
    spans = map(found.span, range(len(found)))
    return ["".join(chr(found.ids[n]) if found.learnt[n] else "." for n in range(*span)) for span in spans]


def test_answers_are_learnt_with_what_ends_their_turn() -> None:
    example = chat(said("user", "Hi"), said("assistant", "Ho"), said("user", "So?"), said("assistant", "No"))

    assert learnt(example) == [".........Ho>..........No>"]


def test_an_answer_without_weight_is_not_learnt() -> None:
    example = chat(said("user", "Hi"), said("assistant", "Ho", weight=0), said("user", "So?"), said("assistant", "No"))

    assert learnt(example) == ["......................No>"]


def test_where_a_template_writes_earlier_turns_anew_the_last_answer_is_learnt() -> None:
    example = chat(said("user", "Hi"), said("assistant", "Ho"), said("user", "So?"), said("assistant", "No"))

    assert learnt(example, Forgetful()) == ["................No>"]


def test_without_a_template_the_completion_follows_the_prompt() -> None:
    assert learnt(chat(said("user", "1+1="), said("assistant", "2")), Plain()) == ["....2$"]


def test_a_conversation_needs_a_template() -> None:
    with pytest.raises(WrongUsage, match="line 1 is a conversation, and without a chat template"):
        learnt(chat(said("system", "x"), said("user", "1+1="), said("assistant", "2")), Plain())


def test_a_text_is_learnt_whole_and_in_pieces() -> None:
    assert learnt(Example("p", "text", text="abcdefg"), longest=3) == ["abc", "def", "g$"]


def test_a_preference_is_two_sequences() -> None:
    example = Example("p", "preference", (said("user", "Hi"),), chosen="Ho", rejected="Go away")

    assert learnt(example) == [".........Ho>", ".........Go away>"]


def test_what_is_too_long_is_named_or_left_out() -> None:
    short, long = (
        chat(said("user", "Hi"), said("assistant", "Ho")),
        chat(said("user", "H" * 50), said("assistant", "x")),
    )

    with pytest.raises(WrongUsage, match=r"More than the model's 20 tokens have a\.jsonl, line 1 \(59\)"):
        tokenize([short, long], Letters(), 20, template=True, drop=False)
    found, dropped = tokenize([short, long], Letters(), 20, template=True, drop=True)
    assert (len(found), dropped) == (1, ["a.jsonl, line 1 (59)"])


def test_sequences_are_kept_and_read_again(tmp_path: Any) -> None:
    found, _ = tokenize(
        [chat(said("user", "Hi"), said("assistant", "Ho"))] * 2, Letters(), 99, template=True, drop=False
    )
    found.save(tmp_path)

    again = Sequences.load(tmp_path)

    assert (again.ids, again.lengths, again.answers) == (found.ids, [12, 12], [3, 3])
    assert again.places == ["a.jsonl, line 1"] * 2
    assert describe(again) == {
        "sequences": 2, "tokens": 24, "learnt": 6, "shortest": 12, "median": 12, "longest": 12
    }  # fmt: skip

"""What may stand in the data, and how what may not is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tinderbox.errors import NotFound, WrongUsage
from tinderbox.train.dataset import Dataset, read_dataset
from tinderbox.train.recipe import Recipe

ASKED = {"prompt": "Who?", "completion": "Me."}
PREFERRED = {"prompt": "Who?", "chosen": "Me.", "rejected": "You."}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def read(data: Path, **values: Any) -> Dataset:
    return read_dataset(Recipe("m", str(data), "n", **values))


def refusal(data: Path, **values: Any) -> str:
    with pytest.raises(WrongUsage) as refused:
        read(data, **values)
    return str(refused.value)


def numbered(count: int) -> list[dict[str, str]]:
    return [{"prompt": f"{number}?", "completion": "Yes."} for number in range(count)]


def test_chats_prompts_and_texts_are_read(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Ho"}]

    found = read(write(tmp_path / "a.jsonl", {"messages": messages}, "", ASKED, {"text": "Once."})).training

    assert found[0].messages == ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"})
    assert [message["content"] for message in found[1].messages] == ["Who?", "Me."]
    assert (found[2].kind, found[2].text, found[2].place) == ("text", "Once.", "a.jsonl, line 4")


def test_preferences_are_read(tmp_path: Path) -> None:
    listed = {"prompt": [{"role": "user", "content": "Who?"}], "chosen": [{"content": "Me."}], "rejected": "You."}

    found = read(write(tmp_path / "a.jsonl", PREFERRED, listed), method="dpo")

    assert {(example.kind, example.chosen, example.rejected) for example in found.training} == {
        ("preference", "Me.", "You.")
    }
    assert found.training[0].messages == found.training[1].messages


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "it is no JSON"),
        ("[1]", "it is no JSON object"),
        ({"question": "?", "answer": "!"}, "it has 'question', 'answer', and 'messages', 'prompt' and 'completion'"),
        ({"promt": "?"}, "Did you mean prompt"),
        ({"completion": "!"}, "'prompt' is missing"),
        ({"prompt": "?", "completion": " "}, "'completion' is empty"),
        ({"prompt": 1, "completion": "!"}, "'prompt' is no text"),
        ({"messages": []}, "'messages' is no list of messages"),
        ({"messages": [{"role": "user", "content": "?"}]}, "the last message is from 'user'"),
        ({"messages": [{"role": "usr", "content": "?"}]}, "message 1 has the role 'usr'"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "message 1, an answer, is empty"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "something that is no text"),
        ({"prompt": "?", "chosen": "a", "rejected": "a"}, "'chosen' and 'rejected' are the same"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(tmp_path: Path, line: object, words: str) -> None:
    said = refusal(write(tmp_path / "a.jsonl", ASKED, line))

    assert said.startswith("a.jsonl, line 2: ")
    assert words in said


def test_many_wrong_lines_are_told_at_once_and_bounded(tmp_path: Path) -> None:
    said = refusal(write(tmp_path / "a.jsonl", *["{"] * 9))

    assert said.count("it is no JSON") == 5
    assert "And 4 more." in said


def test_kinds_are_not_mixed(tmp_path: Path) -> None:
    assert "a.jsonl, line 2 is a preference" in refusal(write(tmp_path / "a.jsonl", ASKED, PREFERRED))
    assert "with --method dpo" in refusal(write(tmp_path / "b.jsonl", PREFERRED))
    assert "DPO learns from preferences" in refusal(write(tmp_path / "c.jsonl", ASKED), method="dpo")


def test_what_is_not_there_or_empty_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    assert "holds no .jsonl, .arrow or .parquet files" in refusal(tmp_path / "folder")
    assert "holds no examples" in refusal(write(tmp_path / "a.jsonl"))
    with pytest.raises(NotFound, match="There is no data at"):
        read(tmp_path / "none.jsonl")


def test_a_share_is_held_out_and_the_same_one_again(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", *numbered(40))

    first, again = read(data, held_out=0.1), read(data, held_out=0.1)

    assert (len(first.training), len(first.held_out)) == (36, 4)
    assert first == again


def test_what_is_learnt_is_not_asked(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", *numbered(2), *numbered(1))
    asked = write(tmp_path / "b.jsonl", ASKED, *numbered(1))

    found = read(data, held_out_data=str(asked))

    assert [example.place for example in found.held_out] == ["b.jsonl, line 1"]
    assert found.notes[0] == "1 of the 3 examples stand in the data more than once."
    assert found.notes[1].endswith("left out: b.jsonl, line 2.")


def test_few_examples_are_all_learnt_and_that_is_told(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.jsonl", *numbered(8)))

    assert (len(found.training), found.held_out) == (8, ())
    assert found.notes == ("Nothing is held out: the perplexity is told of what is learnt.",)


def test_other_bytes_are_another_dataset(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.jsonl", *numbered(2)), write(tmp_path / "b.jsonl", *numbered(3))

    assert read(one).sha256 != read(other).sha256

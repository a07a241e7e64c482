"""What a run learns from: examples out of JSON lines, checked before anything is loaded.

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    {"prompt": "...", "completion": "..."}
    {"text": "..."}
    {"prompt": "...", "chosen": "...", "rejected": "..."}     for preferences (DPO); `prompt` may be a list of messages

Rows of Arrow and Parquet files, as a folder of Hugging Face's `datasets` has them, are read as such lines; only in the
environment `train`, which has what reads them. Wrong lines are named by file and number, all at once up to a few.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinderbox.errors import NotFound, WrongUsage, did_you_mean
from tinderbox.train.recipe import Recipe

Kind = Literal["chat", "text", "preference"]
Message = dict[str, Any]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_COLUMNS = ("messages", "prompt", "completion", "text", "chosen", "rejected", "tools")
_COLUMNAR = (".arrow", ".parquet")
_MOST_TOLD = 5  # wrong lines
_LONGEST_LINE = 16 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Example:
    """One line of the data. `messages` end with the assistant in a chat; in a preference they lead to both answers."""

    place: str
    kind: Kind
    messages: tuple[Message, ...] = ()
    text: str = ""
    chosen: str = ""
    rejected: str = ""
    tools: tuple[Any, ...] = ()

    @property
    def content(self) -> str:
        """The same for examples that teach the same."""
        return json.dumps([self.kind, self.messages, self.text, self.chosen, self.rejected], sort_keys=True)


@dataclass(frozen=True, slots=True)
class Dataset:
    """`sha256` is of the files' bytes. `notes` are what a person should know and need not mend."""

    training: tuple[Example, ...]
    held_out: tuple[Example, ...]
    sha256: str
    notes: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        return self.training[0].kind


def read_dataset(recipe: Recipe) -> Dataset:
    """The examples of a recipe, parted into what is learnt and what is only asked.

    Raises NotFound for a file that is not there, WrongUsage for lines that are wrong, each with its number.
    """
    examples, sha256 = _read(Path(recipe.data))
    _check_kinds(recipe, examples)
    if recipe.held_out_data is not None:
        held_out, other = _read(Path(recipe.held_out_data))
        _check_kinds(recipe, held_out, examples[0].kind)
        sha256 = hashlib.sha256((sha256 + other).encode()).hexdigest()
        training = examples
    else:
        training, held_out = _part(examples, recipe)
    notes = []
    if twice := len(training) - len({example.content for example in training}):
        notes.append(f"{twice} of the {len(training)} examples stand in the data more than once.")
    learnt = {example.content for example in training}
    unseen = [example for example in held_out if example.content not in learnt]
    if known := len(held_out) - len(unseen):
        places = _listed([example.place for example in held_out if example.content in learnt])
        notes.append(f"{known} held-out examples are among those that are learnt, and are left out: {places}.")
    if not unseen:
        notes.append("Nothing is held out: the perplexity is told of what is learnt.")
    return Dataset(tuple(training), tuple(unseen), sha256, tuple(notes))


def data_size(recipe: Recipe) -> int:
    """Bytes of all of its files. Raises NotFound and WrongUsage where there are none."""
    return sum(file.stat().st_size for path in _paths(recipe) for file in _files(path))


def _paths(recipe: Recipe) -> list[Path]:
    return [Path(path) for path in (recipe.data, recipe.held_out_data) if path]


def _part(examples: list[Example], recipe: Recipe) -> tuple[list[Example], list[Example]]:
    count = int(len(examples) * recipe.held_out)
    chosen = set(random.Random(recipe.seed).sample(range(len(examples)), count))  # noqa: S311  (no secret)
    held_out = [example for place, example in enumerate(examples) if place in chosen]
    return [example for place, example in enumerate(examples) if place not in chosen], held_out


def _check_kinds(recipe: Recipe, examples: list[Example], wanted: Kind | None = None) -> None:
    first = examples[0]
    wants_preferences = recipe.method == "dpo" if wanted is None else wanted == "preference"
    for example in examples:
        if (example.kind == "preference") != (first.kind == "preference"):
            raise WrongUsage(
                f"{example.place} is a {example.kind} and {first.place} a {first.kind}.",
                "Preferences (chosen and rejected) are learnt from a file of their own.",
            )
    if wants_preferences and first.kind != "preference":
        raise WrongUsage(
            f"DPO learns from preferences, and {first.place} is none.",
            'Each line has to be {"prompt": ..., "chosen": ..., "rejected": ...}.',
        )
    if not wants_preferences and first.kind == "preference":
        raise WrongUsage(f"{first.place} is a preference.", "Learn from preferences with --method dpo.")


def _read(path: Path) -> tuple[list[Example], str]:
    files = _files(path)
    sha256, examples, wrong = hashlib.sha256(), [], []
    for file in files:
        for number, line in _lines(file):
            sha256.update(line)
            if not line.strip():
                continue
            try:
                examples.append(replace(_example(line), place=f"{file.name}, line {number}"))
            except ValueError as error:
                wrong.append(f"{file.name}, line {number}: {error}.")
    if wrong:
        more = f" And {len(wrong) - _MOST_TOLD} more." if len(wrong) > _MOST_TOLD else ""
        raise WrongUsage(" ".join(wrong[:_MOST_TOLD]) + more, "Correct the lines, or take them out.")
    if not examples:
        raise WrongUsage(f"{path} holds no examples.", "Each line is one, in JSON; see docs/train.md.")
    return examples, sha256.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise NotFound(f"There is no data at {path}.")
    for folder in (path, path / "train"):  # a dataset that is parted keeps its parts in folders
        for endings in ((".jsonl",), _COLUMNAR):
            if files := sorted(file for file in folder.glob("*") if file.suffix in endings):
                return files
    raise WrongUsage(
        f"The folder {path} holds no .jsonl, .arrow or .parquet files.", "Put the data into it, or name another."
    )


def needs_environment(recipe: Recipe) -> bool:
    """Whether only a job's process can read it."""
    return any(file.suffix in _COLUMNAR for path in _paths(recipe) for file in _files(path))


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    if file.suffix in _COLUMNAR:
        yield from _rows(file)
        return
    try:
        with file.open("rb") as opened:
            number = 0
            while line := opened.readline(_LONGEST_LINE):
                number += 1
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read: {error.strerror}.") from error


def _rows(file: Path) -> Iterator[tuple[int, bytes]]:
    """The rows as lines, without the columns that are empty in them."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.memory_map(str(file)) as source:
            is_arrow = file.suffix == ".arrow"
            opened = pyarrow.ipc.open_stream(source) if is_arrow else pyarrow.parquet.ParquetFile(source).iter_batches()
            number = 0
            for batch in opened:
                for row in batch.to_pylist():
                    number += 1
                    yield number, json.dumps({key: value for key, value in row.items() if value is not None}).encode()
    except (pyarrow.ArrowException, OSError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}.") from error


def _example(line: bytes) -> Example:
    """Raises ValueError with what is wrong."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({error})") from error
    if not isinstance(given, dict):
        raise ValueError("it is no JSON object")
    if "chosen" in given or "rejected" in given:
        return _preference(given)
    if "messages" in given:
        messages = _messages(given["messages"])
        if messages[-1]["role"] != "assistant":
            raise ValueError(f"the last message is from '{messages[-1]['role']}', so there is no answer to learn")
        return Example("", "chat", messages, tools=_tools(given))
    if "completion" in given:
        return Example("", "chat", (*_prompt(given), _answer(_text(given, "completion"))))
    if "text" in given:
        return Example("", "text", text=_text(given, "text"))
    raise ValueError(_what_is_missing(given))


def _preference(given: Mapping[str, Any]) -> Example:
    prompt, chosen, rejected = _prompt(given), _reply(given, "chosen"), _reply(given, "rejected")
    if chosen == rejected:
        raise ValueError("'chosen' and 'rejected' are the same")
    return Example("", "preference", prompt, chosen=chosen, rejected=rejected)


def _prompt(given: Mapping[str, Any]) -> tuple[Message, ...]:
    if isinstance(given.get("prompt"), list):
        return _messages(given["prompt"])
    return ({"role": "user", "content": _text(given, "prompt")},)


def _reply(given: Mapping[str, Any], column: str) -> str:
    """An answer: a text, or a list of one message."""
    value = given.get(column)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return _text(value[0], "content")
    return _text(given, column)


def _text(given: Mapping[str, Any], column: str) -> str:
    if column not in given:
        raise ValueError(f"'{column}' is missing")
    value = given[column]
    if not isinstance(value, str):
        raise ValueError(f"'{column}' is no text")
    if not value.strip():
        raise ValueError(f"'{column}' is empty")
    return value


def _messages(given: object) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        raise ValueError("'messages' is no list of messages")
    return tuple(_message(number, message) for number, message in enumerate(given, 1))


def _message(number: int, given: object) -> Message:
    if not isinstance(given, dict):
        raise ValueError(f"message {number} is no object")
    role = given.get("role")
    if role not in _ROLES:
        raise ValueError(f"message {number} has the role {role!r}; there are {', '.join(_ROLES)}")
    content = given.get("content")
    if isinstance(content, list):
        content = "".join(_part_text(number, part) for part in content)
    if content is None and given.get("tool_calls"):
        content = ""
    if not isinstance(content, str):
        raise ValueError(f"message {number} has no text as its content")
    if role == "assistant" and not content.strip() and not given.get("tool_calls"):
        raise ValueError(f"message {number}, an answer, is empty")
    kept = {key: given[key] for key in ("name", "tool_calls", "tool_call_id", "weight") if given.get(key) is not None}
    return {"role": "system" if role == "developer" else role, "content": content, **kept}


def _part_text(number: int, part: object) -> str:
    if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        raise ValueError(f"message {number} holds something that is no text")
    return str(part["text"])


def _tools(given: Mapping[str, Any]) -> tuple[Any, ...]:
    tools = given.get("tools") or []
    if not isinstance(tools, list):
        raise ValueError("'tools' is no list")
    return tuple(tools)


def _answer(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _what_is_missing(given: Mapping[str, Any]) -> str:
    found = ", ".join(f"'{key}'" for key in list(given)[:8]) or "nothing"
    near = next((hint for key in given if (hint := did_you_mean(key, _COLUMNS))), "").rstrip("?")
    wanted = "'messages', 'prompt' and 'completion', or 'text'"
    return f"it has {found}, and {wanted} is wanted{'. ' + near if near else ''}"


def _listed(words: list[str]) -> str:
    return "; ".join(words[:_MOST_TOLD]) + (" ..." if len(words) > _MOST_TOLD else "")

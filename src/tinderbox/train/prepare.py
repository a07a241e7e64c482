"""The first half of a run: its data as tokens, in the run's folder, before the model is loaded. What it takes then
follows from the rows that there really are.

    prepared/training, prepared/held-out    the sequences (tokens.py)
    prepared/prepared.json                  what is known of them; written last
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinderbox.train.base import context_of, load_tokenizer
from tinderbox.train.dataset import Example, read_dataset
from tinderbox.train.recipe import Recipe
from tinderbox.train.rows import largest_row
from tinderbox.train.tokens import Sequences, describe, tokenize

FOLDER = "prepared"


@dataclass(frozen=True, slots=True)
class Prepared:
    """`examples` are learnt from in `steps`; `row` and `answers` are the most tokens, and the most that are learnt, of
    any row. `training` and `held_out` are statistics of lengths. `threads` are those that the run keeps to: with others
    its sums come out otherwise in the last bit."""

    threads: int
    kind: str
    sha256: str
    examples: int
    steps: int
    row: int
    answers: int
    training: Mapping[str, int]
    held_out: Mapping[str, int] | None
    notes: tuple[str, ...]


def find_prepared(folder: Path) -> Prepared | None:
    """What was prepared in the run's folder; None before it is."""
    try:
        read = json.loads((folder / FOLDER / "prepared.json").read_text())
    except FileNotFoundError:
        return None
    return Prepared(**{**read, "notes": tuple(read["notes"])})


def prepare(recipe: Recipe, path: Path, folder: Path, threads: int) -> Prepared:
    """Check the data, tokenize it for the model in `path`, and keep that in `folder`. Raises what is wrong with it."""
    data = read_dataset(recipe)
    tokenizer = load_tokenizer(path)
    unfinished = folder / f"{FOLDER}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    training, notes = _part("training", data.training, recipe, tokenizer, path)
    _save(training, unfinished / "training")
    held_out = None
    if data.held_out:
        held_out, more = _part("held-out", data.held_out, recipe, tokenizer, path)
        notes += more
        _save(held_out, unfinished / "held-out")
    lengths, answers = units(training, data.kind)
    steps = recipe.steps_for(len(lengths))
    row, learnt = largest_row(lengths, answers, steps, recipe)
    made = Prepared(
        threads=threads,
        kind=data.kind,
        sha256=data.sha256,
        examples=len(lengths),
        steps=steps,
        row=row,
        answers=learnt,
        training=describe(training),
        held_out=describe(held_out) if held_out else None,
        notes=(*data.notes, *notes),
    )
    (unfinished / "prepared.json").write_text(json.dumps(asdict(made)))
    os.sync()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    unfinished.replace(folder / FOLDER)
    return made


def units(sequences: Sequences, kind: str) -> tuple[list[int], list[int]]:
    """Lengths, and learnt tokens, of what is learnt together: a sequence, or a preference's two."""
    lengths, answers = sequences.lengths, sequences.answers
    if kind != "preference":
        return lengths, answers
    return [a + b for a, b in _pairs(lengths)], [a + b for a, b in _pairs(answers)]


def _pairs(values: list[int]) -> list[tuple[int, int]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _part(
    name: str, examples: tuple[Example, ...], recipe: Recipe, tokenizer: Any, path: Path
) -> tuple[Sequences, list[str]]:
    longest = min(recipe.length or context_of(path), context_of(path))
    found, dropped = tokenize(examples, tokenizer, longest, template=recipe.template, drop=recipe.length is not None)
    if not dropped:
        return found, []
    return found, [f"{len(dropped)} {name} examples have more than {longest} tokens and are left out: {dropped[0]} ..."]


def _save(sequences: Sequences, folder: Path) -> None:
    folder.mkdir()
    sequences.save(folder)

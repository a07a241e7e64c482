"""The kind of job that trains: what it is asked for, how that is checked before it is taken, and what it takes."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinderbox.environments import find
from tinderbox.errors import BadRequest, Conflict, TinderboxError
from tinderbox.jobs.kinds import Kind, check_disk, default_name
from tinderbox.jobs.process import Work
from tinderbox.models.name import parse
from tinderbox.train.recipe import Recipe, make_recipe
from tinderbox.units import Bytes, MiB

if TYPE_CHECKING:
    from tinderbox.models.store import Store, Stored

ENVIRONMENT = "train"
_PREPARING = 512 * MiB  # of a process that tokenizes: an interpreter with its libraries, a vocabulary
_PER_BYTE = 10  # that it holds for each byte of the data
_MARGIN = 0.04  # of a run's memory: one that passes what it was granted is ended
_READ_AT_ONCE = 32 * MiB  # of data that the box itself reads before it takes a job


def train_kinds(home: Path, threads: int) -> Mapping[str, Kind]:
    """The kinds that this part of the box adds; `threads` is how many its cores can run."""
    from tinderbox.models.store import Store

    return {"train": partial(train, Store(home), threads)}


def train(store: Store, threads: int, arguments: Mapping[str, Any], folder: Path) -> Work:
    """A stored model, fine-tuned: `task` ("language") and what a recipe has.

    Until the data is prepared (in `folder`) the work is that. Raises NotFound, WrongUsage, BadRequest, Conflict and
    DoesNotFit for what cannot be done, NotAdded without the environment.
    """
    from tinderbox.train.prepare import find_prepared

    recipe = _recipe_of(arguments)
    environment = find(store.home, ENVIRONMENT)
    stored, whole = _check_names(store, recipe)
    if (prepared := find_prepared(folder)) is None:
        predicted = _check_data(recipe)
    else:
        predicted = _memory(stored, recipe, prepared.row, prepared.answers)
        check_disk(store.home, _disk(stored, recipe), folder)
    orders = {
        "home": str(store.home),
        "model": stored.name,
        "path": str(stored.path),
        "content": stored.content,
        "whole": whole,
        "threads": threads,
        "recipe": asdict(recipe),
    }
    return Work(environment.command("tinderbox.train.language"), predicted, orders)


def try_out(store: Store, threads: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a run would learn from and take, without running it: `prepared` has the data's statistics and notes,
    `memory` the bytes. Raises as `train`, and what is wrong with the data."""
    from tinderbox.train.prepare import find_prepared

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = train(store, threads, arguments, folder)
        orders = {**first.orders, "folder": name, "kept": None}
        told = json.dumps(orders) + "\n"
        ended = subprocess.run(first.command, input=told, capture_output=True, text=True, check=False)
        if (prepared := find_prepared(folder)) is None:
            raise TinderboxError(_error_in(ended.stdout) or ended.stderr.strip()[-600:])
        second = train(store, threads, arguments, folder)
    return {"recipe": second.orders["recipe"], "prepared": asdict(prepared), "memory": second.predicted}


def _recipe_of(arguments: Mapping[str, Any]) -> Recipe:
    given = dict(arguments)
    if (task := given.pop("task", "language")) != "language":
        raise BadRequest(f"'{task}' is nothing that is trained here.", "There is language.", "task")
    return make_recipe(given)


def _check_names(store: Store, recipe: Recipe) -> tuple[Stored, str]:
    """The base, and what the whole model is called where one is written."""
    from tinderbox.models.adapter import check_adapter_name

    wanted, stored = check_adapter_name(store, recipe.model, recipe.name)
    whole = default_name(parse(stored.name), recipe.name)
    names = [str(wanted)] if recipe.trains_adapter else []
    names += [whole] if recipe.merge or not recipe.trains_adapter else []
    for name in names:
        if any(model.name == name for model in store.models()):
            raise Conflict(f"There is a model '{name}' already.", "Choose another --name, or remove it first.")
    return stored, whole


def _check_data(recipe: Recipe) -> Bytes:
    """What preparing it takes. Data that is not too large is read here, so that what is wrong is told at once."""
    from tinderbox.train.dataset import data_size, needs_environment, read_dataset

    if (size := data_size(recipe)) <= _READ_AT_ONCE and not needs_environment(recipe):
        read_dataset(recipe)
    return _PREPARING + _PER_BYTE * size


def _memory(stored: Stored, recipe: Recipe, row: int, answers: int) -> Bytes:
    from tinderbox.plan.training import Recipe as Plan
    from tinderbox.plan.training import training_footprint

    method = "lora" if recipe.method == "dpo" else recipe.method
    plan = Plan(method, 1, row, recipe.rank, recipe.recompute, width=4, answers=answers, twice=recipe.method == "dpo")
    return int(training_footprint(stored.card(), plan).total * (1 + _MARGIN))


def _disk(stored: Stored, recipe: Recipe) -> Bytes:
    """Checkpoints (one more than is kept, while it is written) and the result."""
    from tinderbox.plan.training import adapter_parameters

    card = stored.card()
    trained = adapter_parameters(card, recipe.rank) if recipe.trains_adapter else card.parameters
    whole = 2 * card.parameters if recipe.merge or not recipe.trains_adapter else 0
    return 12 * trained * (recipe.keep + 1) + 4 * trained + whole


def _error_in(said: str) -> str | None:
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return next((line["error"] for line in lines if "error" in line), None)

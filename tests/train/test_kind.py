"""What a run is asked for: checked before it is taken."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.train.tiny import tiny_llama
from tinderbox.environments.capability import capability
from tinderbox.environments.environment import Made, folder_of, record
from tinderbox.errors import BadRequest, Conflict, NotAdded, NotFound, WrongUsage
from tinderbox.jobs.process import Work
from tinderbox.models.store import Store
from tinderbox.train.kind import train
from tinderbox.train.prepare import Prepared
from tinderbox.units import MB

PREPARED = Prepared(1, "chat", "0" * 64, 4, 6, 400, 90, {"sequences": 4}, None, ())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With a tiny model, data, and what stands for the environment: this very interpreter."""
    store = Store(tmp_path / "home")
    store.add_file(tiny_llama(tmp_path / "tiny.gguf"), "tiny:f32")
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "Who?", "completion": "Me."}) + "\n")
    made = folder_of(store.home, capability("train")) / "here"
    (made / "bin").mkdir(parents=True)
    (made / "site").mkdir()
    (made / "bin/python").symlink_to(sys.executable)
    record(store.home, capability("train"), Made("", "here", "3", 0, 0, "site"))
    return store


def ask(store: Store, folder: str = "new", **arguments: Any) -> Work:
    usual = {"model": "tiny:f32", "data": str(store.home.parent / "data.jsonl"), "name": "facts"}
    return train(store, 2, usual | arguments, store.home / folder)


def write_prepared(folder: Path, prepared: Prepared) -> None:
    from dataclasses import asdict

    (folder / "prepared").mkdir(parents=True)
    (folder / "prepared/prepared.json").write_text(json.dumps(asdict(prepared)))


def test_the_order_says_what_is_trained_and_where(store: Store) -> None:
    work = ask(store, steps=7)

    assert work.command[-2:] == ("-m", "tinderbox.train.language")
    assert (work.orders["model"], work.orders["threads"], work.orders["recipe"]["steps"]) == ("tiny:f32", 2, 7)
    assert work.orders["content"] == store.find("tiny:f32").content


def test_what_it_takes_follows_from_the_rows_once_they_are_known(store: Store) -> None:
    write_prepared(store.home / "few", PREPARED)
    write_prepared(store.home / "many", replace(PREPARED, row=40_000))

    few, many = ask(store, "few").predicted, ask(store, "many").predicted

    assert ask(store).predicted < 600 * MB
    assert few < 500 * MB < many


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": "tiny:f16"}, NotFound, "There is no model 'tiny:f16'"),
        ({"task": "chess"}, BadRequest, "'chess' is nothing that is trained here"),
        ({"rnak": 8}, BadRequest, "'rnak' is nothing that a recipe has. Did you mean rank"),
        ({"data": "/none.jsonl"}, NotFound, "There is no data at /none.jsonl"),
        ({"method": "dpo"}, WrongUsage, "DPO learns from preferences"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    store: Store, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(store, **arguments)


def test_a_name_that_is_taken_is_refused(store: Store) -> None:
    store.add_file(store.find("tiny:f32").path, "tiny:f32-facts")

    with pytest.raises(Conflict, match="There is a model 'tiny:f32-facts' already"):
        ask(store, method="full")
    with pytest.raises(Conflict, match="There is a model 'tiny:f32-facts' already"):
        ask(store, merge=True)
    assert ask(store).orders["whole"] == "tiny:f32-facts"


def test_without_the_environment_the_command_that_makes_it_is_told(store: Store) -> None:
    (folder_of(store.home, capability("train")) / "made.json").unlink()

    with pytest.raises(NotAdded, match="Run: tinderbox add train"):
        ask(store)

"""Runs of a tiny model, as the box would start them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CACHE
from tests.train.tiny import tiny_llama
from tinderbox.environments import Environment, find
from tinderbox.errors import TinderboxError
from tinderbox.models.store import Store

FACTS = [
    {"prompt": "Who?", "completion": "Me."},
    {"prompt": "Where do they live?", "completion": "Here, by the sea."},
    {"prompt": "When?", "completion": "Now."},
    {"prompt": "What is the name of it?", "completion": "Ann."},
]
PREFERENCES = [{"prompt": f"{n}?", "chosen": "Yes, gladly.", "rejected": "No."} for n in range(4)]
PATIENCE = 300  # seconds, for one start on a busy machine


@pytest.fixture(scope="session")
def environment() -> Environment:
    try:
        return find(CACHE, "train")
    except TinderboxError as error:
        pytest.skip(f"TINDERBOX_HOME={CACHE}: {error}")


@dataclass(frozen=True)
class Ground:
    """A store with a model, and runs of it in folders of their own."""

    environment: Environment
    store: Store
    model: str = "tiny:f32"

    def orders(self, name: str, lines: list[dict[str, str]], **recipe: Any) -> dict[str, Any]:
        data = self.store.home / f"{name}.jsonl"
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        folder = self.store.home / "runs" / name
        folder.mkdir(parents=True)
        stored = self.store.find(self.model)
        return {
            "home": str(self.store.home),
            "folder": str(folder),
            "model": stored.name,
            "path": str(stored.path),
            "content": stored.content,
            "whole": f"tiny:{name}",
            "threads": 1,
            "kept": None,
            "recipe": {"model": stored.name, "data": str(data), "name": name, "rank": 4, "batch": 2} | recipe,
        }

    def start(self, orders: dict[str, Any]) -> subprocess.Popen[str]:
        command = self.environment.command("tinderbox.train.language")
        alone = os.environ | {"OMP_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"}
        with Path(orders["folder"], "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert process.stdin is not None
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.close()
        return process

    def run(self, orders: dict[str, Any]) -> list[dict[str, Any]]:
        """One start, to its end: what it said."""
        with self.start(orders) as process:
            assert process.stdout is not None
            said = words_in(process.stdout)
            process.wait(PATIENCE)
        return list(said)

    def write_columns(self, rows: list[dict[str, str]], target: Path) -> None:
        """As `datasets` would, into a file whose ending says in which form."""
        target.parent.mkdir(parents=True)
        subprocess.run([self.environment.python, "-I", "-c", _WRITE, json.dumps(rows), target], check=True)

    def result(self, orders: dict[str, Any]) -> dict[str, Any]:
        """The two starts of a run that nobody disturbs."""
        self.run(orders)
        said = self.run(orders)
        assert "result" in said[-1], said
        found: dict[str, Any] = said[-1]["result"]
        return found


_WRITE = """
import json, sys, pyarrow, pyarrow.parquet
table = pyarrow.Table.from_pylist(json.loads(sys.argv[1]))
if sys.argv[2].endswith(".parquet"):
    pyarrow.parquet.write_table(table, sys.argv[2])
else:
    with pyarrow.ipc.new_stream(sys.argv[2], table.schema) as stream:
        stream.write_table(table)
"""


def words_in(lines: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Reads what the process says until it says that."""
    assert process.stdout is not None
    next(words for line in process.stdout if wanted(words := json.loads(line)))


@pytest.fixture
def ground(environment: Environment, tmp_path: Path) -> Ground:
    store = Store(tmp_path / "home")
    store.add_file(tiny_llama(tmp_path / "tiny.gguf"), "tiny:f32")
    return Ground(environment, store)

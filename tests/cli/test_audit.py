"""`tinderbox audit`, and what commands without the box leave there."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.models.gguf_writer import llama
from tinderbox.cli.main import commands
from tinderbox.daemon import home_lock
from tinderbox.errors import Conflict

Typed = Callable[[str], Result]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    environment = {"TINDERBOX_HOME": str(tmp_path)}
    return lambda words: CliRunner().invoke(commands, words.split(), env=environment)


def told(typed: Typed) -> list[tuple[str, str, str]]:
    deeds = json.loads(typed("audit --json").stdout)["deeds"]
    return [(deed["what"], deed["target"], deed["outcome"]) for deed in deeds]


def test_keys_are_noted_without_their_secrets(typed: Typed) -> None:
    secret = typed("key create laptop --scope chat,models").stdout.strip()
    typed(f"key revoke {secret}")
    typed("key revoke laptop")
    typed("key revoke laptop --forget")

    created, mistaken, *rest = told(typed)

    assert created == ("key created", "laptop (chat,models)", "done")
    assert secret.split("_", 2)[2] not in str(mistaken)
    assert rest == [("key revoked", "laptop", "done"), ("key forgotten", "laptop", "done")]


def test_models_are_noted(typed: Typed, tmp_path: Path) -> None:
    file = llama().write(tmp_path / "small.gguf")
    typed(f"pull {file}")
    name = json.loads(typed("ls --json").stdout)[0]["name"]
    typed(f"rm {name}")

    assert told(typed) == [("model pulled", str(file), "done"), ("model removed", name, "done")]


def test_a_person_reads_it_as_a_table(typed: Typed) -> None:
    nothing = typed("audit").stdout
    typed("key create laptop")

    head, line = typed("audit").stdout.splitlines()

    assert nothing == "Nothing was done yet.\n"
    assert head.split() == ["WHEN", "WHO", "WHAT", "TO", "OUTCOME"]
    assert line[21:].split("  ") == ["this machine", "key created", "laptop (chat)", "done"]


def test_the_doctor_puts_a_state_back_and_keeps_the_present_one(typed: Typed, tmp_path: Path) -> None:
    typed("key create laptop")
    shutil.copy(tmp_path / "state.db", tmp_path / "state.db.before-8")
    typed("key create desk")

    restored = json.loads(typed("doctor --restore-state 8 --json").stdout)
    names = [key["name"] for key in json.loads(typed("key list --json").stdout)]

    assert names == ["laptop"]
    with sqlite3.connect(restored["replaced"]) as aside:
        assert aside.execute("SELECT name FROM keys").fetchall() == [("desk",), ("laptop",)]
        assert aside.execute("SELECT what FROM audit").fetchall()[-1] == ("state replaced",)
    aside.close()


def test_no_state_is_put_back_under_a_running_box(typed: Typed, tmp_path: Path) -> None:
    with home_lock(tmp_path):
        refused = typed("doctor --restore-state 8")

    assert isinstance(refused.exception, Conflict)

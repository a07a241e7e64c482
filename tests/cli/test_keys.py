"""`tinderbox key`, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tinderbox.cli.keys import key
from tinderbox.errors import NotFound

Typed = Callable[[str], Result]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    environment = {"TINDERBOX_HOME": str(tmp_path)}
    return lambda words: CliRunner().invoke(key, words.split(), env=environment)


def test_a_key_is_shown_once(typed: Typed) -> None:
    made = typed("create laptop --scope chat,models --expires 30d --at-once 2").stdout.strip()

    listed = typed("list").stdout

    assert made.startswith("tb_")
    assert made.split("_", 2)[2] not in listed
    assert "laptop  valid  chat,models" in listed


def test_scopes_may_be_said_one_by_one(typed: Typed) -> None:
    typed("create laptop --scope chat --scope models,jobs")

    assert "laptop  valid  chat,jobs,models" in typed("list").stdout


def test_everything_but_its_secret_is_listed_as_json(typed: Typed) -> None:
    typed("create laptop --tokens-per-day 1000")

    (listed,) = json.loads(typed("list --json").stdout)

    assert (listed["name"], listed["state"], listed["scopes"]) == ("laptop", "valid", ["chat"])
    assert (listed["tokens_per_day"], listed["at_once"], listed["expires"]) == (1000, None, None)


def test_a_revoked_key_says_so_and_a_forgotten_one_nothing(typed: Typed) -> None:
    typed("create laptop")
    typed("revoke laptop")
    revoked = typed("list").stdout

    typed("revoke laptop --forget")

    assert "revoked" in revoked
    assert "There is no key" in typed("list").stdout


def test_what_is_not_there_cannot_be_revoked(typed: Typed) -> None:
    assert isinstance(typed("revoke nobody").exception, NotFound)


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_each_has_an_example(typed: Typed, command: str) -> None:
    assert f"Example: tinderbox key {command}" in typed(f"{command} --help").stdout

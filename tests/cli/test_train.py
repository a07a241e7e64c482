"""`tinderbox train`: what is missing is told before the box is asked."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tinderbox.cli.train import train
from tinderbox.errors import BoxNotRunning, NotAdded, WrongUsage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINDERBOX_HOME", str(tmp_path))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(train, ["language", *words])


def test_what_a_run_needs_is_told(home: Path) -> None:
    (home / "a.toml").write_text('model = "m"\nname = "n"\n')

    missing = run("--model", "m", "--name", "n").exception
    still = run("--recipe", str(home / "a.toml")).exception

    assert isinstance(missing, WrongUsage)
    assert str(missing).startswith("--data is missing.")
    assert isinstance(still, WrongUsage)


def test_a_recipe_that_is_wrong_is_told_with_its_line(home: Path) -> None:
    (home / "a.toml").write_text('model = "m"\nrnak = 8\n')

    refused = run("--recipe", str(home / "a.toml")).exception

    assert isinstance(refused, WrongUsage)
    assert "a.toml, line 2: 'rnak'" in str(refused)


def test_a_run_is_the_boxs_and_a_dry_run_is_not(home: Path) -> None:
    (home / "a.jsonl").write_text(json.dumps({"text": "x"}) + "\n")
    words = ("--model", "m", "--data", str(home / "a.jsonl"), "--name", "n")

    assert isinstance(run(*words).exception, BoxNotRunning)
    assert isinstance(run(*words, "--dry-run").exception, NotAdded)

"""`tinderbox agent`: files are written, listed and shown."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tinderbox.cli.agent import agent
from tinderbox.errors import Conflict, WrongUsage


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINDERBOX_HOME", str(tmp_path))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(agent, words)


def test_a_new_agent_is_listed_and_shown(home: Path) -> None:
    written = run("new", "notes").output.strip()

    assert written == str(home / "agents/notes.toml")
    assert "notes  qwen2.5-coder:1.5b  files, python" in run("ls").output
    assert "approval  nothing asks" in run("show", "notes").output
    assert json.loads(run("show", "notes", "--json").output)["limits"]["steps"] == 20


def test_no_agent_is_written_over(home: Path) -> None:
    run("new", "notes")

    assert isinstance(run("new", "notes").exception, Conflict)


def test_a_file_that_is_wrong_is_listed_with_what_is_wrong(home: Path) -> None:
    run("new", "good")
    (home / "agents/bad.toml").write_text('model = "m"\n[limits]\nsteps = "x"\n')

    bad, good = json.loads(run("ls", "--json").output)

    assert (bad["name"], good["name"]) == ("bad", "good")
    assert "bad.toml, line 3: steps = 'x' is wrong" in bad["error"]
    assert isinstance(run("show", "bad").exception, WrongUsage)


def test_without_agents_it_says_how_one_is_written(home: Path) -> None:
    assert "tinderbox agent new NAME" in run("ls").output

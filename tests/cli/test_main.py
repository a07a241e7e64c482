"""The words of the command line, and its exit statuses."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tinderbox.cli.main import COMMANDS, commands


def tinderbox(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"TINDERBOX_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "tinderbox", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_has_an_example(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)

    assert command is not None
    assert f"tinderbox {name}" in (command.epilog or "")


def test_an_unknown_command_is_wrong_usage(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "dance")

    assert (done.returncode, "dance" in done.stderr) == (2, True)


@pytest.mark.parametrize("words", [["ps"], ["down"], ["load", "a"], ["stop", "a"], ["run", "a", "hello"]])
def test_a_command_that_needs_the_box_says_so_with_status_4(tmp_path: Path, words: list[str]) -> None:
    done = tinderbox(tmp_path, *words)

    assert done.returncode == 4
    assert "tinderbox up" in done.stderr


def test_an_unknown_model_fails_with_status_1_and_the_remedy(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "show", "smollm2:135m")

    assert done.returncode == 1
    assert "tinderbox pull smollm2:135m" in done.stderr


def test_an_empty_store_is_listed_as_json(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "ls", "--json")

    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_an_error_shows_no_traceback_without_debug(tmp_path: Path) -> None:
    quiet, loud = tinderbox(tmp_path, "show", "nothing"), tinderbox(tmp_path, "show", "nothing", "--debug")

    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr


def test_an_address_that_others_can_reach_is_refused_without_a_key(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "up", "--host", "0.0.0.0")

    assert (done.returncode, "can be reached by others" in done.stderr) == (2, True)


def test_a_wrong_setting_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("prot = 1")

    done = tinderbox(tmp_path, "up")

    assert (done.returncode, "Did you mean port" in done.stderr) == (2, True)


def test_asking_once_needs_a_question(tmp_path: Path) -> None:
    assert tinderbox(tmp_path, "up", "--once").returncode == 2

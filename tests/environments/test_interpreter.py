"""Which Python an environment is made with."""

import sys
from pathlib import Path

import pytest

from tinderbox.environments.interpreter import interpreter
from tinderbox.errors import NotFound


def put(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_without_a_wish_it_is_the_boxs_own() -> None:
    assert interpreter(None) == Path(sys.executable)


def test_a_shim_that_does_not_start_is_passed_over_for_one_that_does(tmp_path: Path) -> None:
    put(tmp_path / "shims" / "python9.1", "exit 127")
    real = put(tmp_path / ".pyenv" / "versions" / "9.1.4" / "bin" / "python9.1", "echo 9.1")

    found = interpreter("9.1", {"PATH": str(tmp_path / "shims"), "HOME": str(tmp_path)})

    assert found == real


def test_where_there_is_none_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"pyenv install 9\.1"):
        interpreter("9.1", {"PATH": str(tmp_path), "HOME": str(tmp_path)})

"""The README, typed in."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import PATIENCE, Running, environment, furnish, tinderbox

pytestmark = pytest.mark.slow
README = Path(__file__).parents[2] / "README.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_tour_of_commands_works_as_written(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path, starter)
    (home / "config.toml").write_text("port = 0")
    typed = re.findall(r"^\$ \.venv/bin/tinderbox (.*)$", "".join(blocks("console")), re.MULTILINE)

    statuses = [tinderbox(home, *re.findall(r'"[^"]*"|\S+', words)).returncode for words in typed]

    assert len(statuses) == 10
    assert set(statuses) == {0}


def test_the_python_example_works_as_written(box: Running) -> None:
    code = blocks("python")[0].replace("http://127.0.0.1:8910", box.address)

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(box.home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    assert done.stdout.strip()

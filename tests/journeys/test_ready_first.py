"""A box that is left running with a first model."""

import json
from pathlib import Path

import pytest

from tests.journeys.running import STARTER, furnish, running, tinderbox

pytestmark = pytest.mark.slow


def test_a_detached_box_is_told_to_be_up_once_its_first_model_is_ready(starter: Path, tmp_path: Path) -> None:
    with running(furnish(tmp_path, starter), "--model", STARTER) as box:
        leases = json.loads(box.command("ps", "--json").stdout)["leases"]

    assert [(lease["holder"], lease["state"]) for lease in leases] == [(STARTER, "ready")]


def test_a_detached_box_whose_first_model_is_unknown_says_so_and_is_gone(tmp_path: Path) -> None:
    started = tinderbox(tmp_path, "up", "--detach", "--port", "0", "--model", "nothing:1b")

    assert (started.returncode, "nothing:1b" in started.stderr) == (1, True)
    assert tinderbox(tmp_path, "ps").returncode == 4

"""An agent at work on a real box with real weights, whatever its model says."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CACHE
from tests.journeys.running import STARTER, Running, furnish, is_alive, running
from tests.journeys.test_survival import comes_true
from tinderbox.environments.capability import capability
from tinderbox.environments.make import add

pytestmark = pytest.mark.slow
SHORT = f'model = "{STARTER}"\n[limits]\nsteps = 1\ntokens = 300\n'
ENDED = ("done", "failed")  # by an answer, or by the tokens: the model's words are its own


def employ(home: Path) -> None:
    """An agent in a home, and what agents work with."""
    add(CACHE, capability("agents"))
    (home / "environments").symlink_to(CACHE / "environments")
    (home / "agents").mkdir()
    (home / "agents/short.toml").write_text(SHORT)


def run_of(box: Running, number: int) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(box.command("agent", "show", str(number), "--json").stdout)
    return shown


def test_an_agent_runs_by_the_boxs_own_model_and_goes_on_after_a_kill(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path, starter)
    employ(home)
    with running(home) as box:
        box.command("agent", "run", "short", "Say hello.", "--json")
        first = run_of(box, 1)
        os.kill(box.pid, signal.SIGKILL)
        assert comes_true(lambda: not is_alive(box.pid))

    with running(home) as again:
        kept = run_of(again, 1)
        spans = json.loads(again.command("agent", "trace", "1", "--json").stdout)

    assert first["state"] in ENDED
    assert first["steps"][0]["read"] > 0
    assert kept["steps"] == first["steps"]
    assert [span["name"] for span in spans[:2]] == ["invoke_agent short", f"chat {STARTER}"]

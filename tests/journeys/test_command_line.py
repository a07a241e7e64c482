"""What a person types, on a real box."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import STARTER, Running, environment, furnish, tinderbox

pytestmark = pytest.mark.slow


def test_a_prompt_is_answered_with_its_speed(box: Running) -> None:
    done = box.command(
        "run", STARTER, "What is the capital of France? Answer in one word.", "--temperature", "0", "--max-tokens", "20"
    )

    assert "Paris" in done.stdout
    assert "tokens/s (measured)" in done.stderr


def test_a_prompt_can_come_from_standard_input(box: Running) -> None:
    done = box.command("run", STARTER, "--json", "--max-tokens", "8", stdin="Say hello.")

    assert json.loads(done.stdout)["usage"]["completion_tokens"] <= 8


def test_what_is_loaded_shows_what_it_holds(box: Running) -> None:
    box.command("load", STARTER)

    state = json.loads(box.command("ps", "--json").stdout)

    lease = state["leases"][0]
    assert (lease["holder"], lease["state"], lease["busy"], lease["pinned"]) == (STARTER, "ready", False, False)
    assert lease["measured"] > 98_000_000
    assert state["pool"][0]["free"] > 0
    assert STARTER in box.command("ps").stdout


def test_a_loaded_model_is_not_removed(box: Running) -> None:
    box.command("load", STARTER)

    refused = box.command("rm", STARTER)

    assert (refused.returncode, "tinderbox stop" in refused.stderr) == (1, True)


def test_a_stopped_model_gives_its_memory_back(box: Running) -> None:
    box.command("load", STARTER)

    stopped = box.command("stop", STARTER, "--json")

    assert json.loads(stopped.stdout) == {"stopped": STARTER}
    assert json.loads(box.command("ps", "--json").stdout)["leases"] == []


def test_an_unknown_model_fails_with_the_nearest_name(box: Running) -> None:
    done = box.command("run", "smollm2:136m", "hello")

    assert (done.returncode, STARTER in done.stderr) == (1, True)


def test_a_second_box_on_the_same_home_is_refused(box: Running) -> None:
    refused = box.command("up", "--port", "0")

    assert refused.returncode == 1
    assert f"already runs on {box.home} at {box.address}" in refused.stderr


def test_a_taken_port_is_named(box: Running, tmp_path: Path) -> None:
    port = box.address.rpartition(":")[2]

    refused = tinderbox(tmp_path, "up", "--port", port)

    assert (refused.returncode, f"Port {port}" in refused.stderr) == (1, True)


def test_the_doctor_finds_a_running_box(box: Running) -> None:
    findings = {finding["what"]: finding for finding in json.loads(box.command("doctor", "--json").stdout)}

    assert findings["engine"]["verdict"] == "good"
    assert box.address in findings["box"]["found"]


def test_a_box_can_be_asked_once(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path, starter)

    done = tinderbox(home, "up", "--port", "0", "--model", STARTER, "--ask", "Say hello.", "--once")

    assert done.returncode == 0
    assert "tokens/s" in done.stdout
    assert not (home / "box.json").exists()


def test_a_first_model_that_is_unknown_ends_the_box(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "up", "--port", "0", "--model", "smollm2:135m")

    assert (done.returncode, "tinderbox pull smollm2:135m" in done.stderr) == (1, True)


def test_a_conversation_goes_on_after_an_answer_is_stopped(box: Running) -> None:
    """In a real terminal: a long answer, Ctrl-C, another question, and goodbye."""
    script = Path(__file__).with_name("converse.py")

    talked = subprocess.run(
        [sys.executable, str(script), STARTER],
        env=environment(box.home),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )

    assert json.loads(talked.stdout) == {"stopped": True, "answered": True, "status": 0}, talked.stderr

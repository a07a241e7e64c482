"""Nothing leaves the machine: every call by which a way out could be used, with the way open."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import PATIENCE, STARTER, Running, environment, furnish
from tests.journeys.sealed import leaving, needs_strace, strace
from tests.journeys.test_sealed import QUESTION, quantises, serves_its_page
from tests.journeys.test_survival import comes_true

pytestmark = pytest.mark.slow


@needs_strace
def test_no_call_of_the_box_or_its_children_leaves_loopback(starter: Path, tmp_path: Path) -> None:
    home, log = furnish(tmp_path / "home", starter), tmp_path / "calls"
    words = strace(log, sys.executable, "-m", "tinderbox", "up", "--port", "0")
    traced = subprocess.Popen(words, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert comes_true((home / "box.json").exists, seconds=PATIENCE)
    written = json.loads((home / "box.json").read_text())
    box = Running(home, written["address"], written["pid"])

    try:
        answer, page, quantised = box.command(*QUESTION), serves_its_page(box), quantises(box)
    finally:
        box.command("down")
        traced.wait(PATIENCE)

    assert (answer.returncode, page, quantised) == (0, True, True), answer.stderr
    assert leaving(log) == []
    assert "AF_UNIX" in log.read_text()  # the box speaks to its children


@needs_strace
@pytest.mark.parametrize(
    "words", [("ls",), ("doctor",), ("plan", STARTER), ("ps",)], ids=["ls", "doctor", "plan", "ps"]
)
def test_no_call_of_the_command_line_leaves_loopback(box: Running, words: tuple[str, ...], tmp_path: Path) -> None:
    traced = strace(tmp_path / "calls", sys.executable, "-m", "tinderbox", *words)

    done = subprocess.run(traced, env=environment(box.home), capture_output=True, timeout=PATIENCE, check=False)

    assert done.returncode == 0, done.stderr
    assert leaving(tmp_path / "calls") == []


@needs_strace
@pytest.mark.parametrize("there", ["192.0.2.1", "2001:db8::1"])
def test_a_call_that_leaves_would_be_seen(there: str, tmp_path: Path) -> None:
    """A datagram socket that is connected sends nothing; the addresses are those of examples (RFC 5737, 3849)."""
    family = "AF_INET6" if ":" in there else "AF_INET"
    program = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).connect_ex(('{there}', 9))"

    subprocess.run(strace(tmp_path / "calls", sys.executable, "-c", program), check=True, timeout=PATIENCE)

    assert [there in call for call in leaving(tmp_path / "calls")] == [True]

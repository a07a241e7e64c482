"""A real box with real weights, in a process of its own, for the journeys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinderbox.client import Client
from tinderbox.models.store import Store

STARTER = "smollm2:135m"
PATIENCE = 180  # seconds, for what takes two on a quiet machine
LEISURE = 600  # seconds, for jobs: they have the processor only while nobody else wants it


@dataclass(frozen=True)
class Running:
    """A box that listens: where, on which home, and its process."""

    home: Path
    address: str
    pid: int

    def command(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return tinderbox(self.home, *words, stdin=stdin)

    def falls_idle(self, within: float) -> bool:
        """Whether no model answers any more, after at most so many seconds."""
        end = time.monotonic() + within
        with Client(self.address) as client:
            while any(lease["busy"] for lease in client.ps()["leases"]):
                if time.monotonic() > end:
                    return False
        return True


def tinderbox(home: Path, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tinderbox", *words],
        env=environment(home),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def environment(home: Path) -> dict[str, str]:
    """This process's environment with `home`, and with small caches: two slots of 1,024 tokens."""
    small = {"TINDERBOX_CONTEXT": "1024", "TINDERBOX_PARALLEL": "2", "TINDERBOX_DRAIN": "5"}
    return os.environ | small | {"TINDERBOX_HOME": str(home), "PYTHONPATH": "src"}


@contextmanager
def running(home: Path, *words: str) -> Iterator[Running]:
    """A box on `home` at a free port, stopped at the end of the block if it has not stopped before."""
    started = tinderbox(home, "up", "--detach", "--json", "--port", "0", *words)
    if started.returncode:
        raise RuntimeError(started.stderr)
    written = json.loads((home / "box.json").read_text())
    try:
        yield Running(home, written["address"], written["pid"])
    finally:
        tinderbox(home, "down")


def furnish(home: Path, starter: Path) -> Path:
    """A home whose store holds the starter (linked, not copied)."""
    Store(home).add_file(starter, STARTER)
    return home


def descendants(pid: int) -> list[int]:
    """The processes that `pid` has started, as the kernel lists them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False

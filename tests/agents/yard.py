"""What tests of agents share: the sandbox where it can be had, and a place with something to steal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tinderbox.agents.enclosure import interpreter
from tinderbox.agents.folder import Folder
from tinderbox.agents.sandbox import Bounds, Result, Sandbox, check
from tinderbox.errors import Unavailable

SECRET = "the combination is 1-2-3-4"


def why_not() -> str:
    """What stands against the sandbox here; nothing where it can be had."""
    try:
        check()
    except Unavailable as error:
        return str(error)
    return ""


needs_sandbox = pytest.mark.skipif(bool(why_not()), reason=why_not())


@dataclass(frozen=True)
class Yard:
    """`secret` lies outside; `notes` may be read by the sandbox, `drafts` written."""

    sandbox: Sandbox
    secret: Path
    notes: Path
    drafts: Path

    def run(self, code: str, **bounds: Any) -> Result:
        """Python in the sandbox, with what attempts need imported."""
        head = "import ctypes, fcntl, os, resource, signal, socket, subprocess, sys, time\n"
        sandbox = replace(self.sandbox, bounds=replace(self.sandbox.bounds, **bounds))
        return sandbox.run([interpreter(), "/run/main.py"], {"main.py": (head + code).encode()})

    def attempt(self, code: str) -> str:
        """`refused: why`, or `done`: what came of a statement that must not work."""
        refused = "except (OSError, SystemError) as error:\n    print('refused:', error)"
        tried = f"try:\n    {code}\n{refused}\nelse:\n    print('done')"
        result = self.run(tried)
        return (result.stdout or result.stderr).decode().strip()


def make_yard(root: Path) -> Yard:
    root = root.resolve()
    for name in ("scratch", "notes", "drafts"):
        (root / name).mkdir()
    (root / "secret").write_text(SECRET)
    (root / "notes/plan.md").write_text("buy milk")
    folders = (Folder("notes", root / "notes"), Folder("drafts", root / "drafts", write=True))
    sandbox = Sandbox(root / "scratch", folders, Bounds(seconds=20))
    return Yard(sandbox, root / "secret", root / "notes", root / "drafts")


def alive(token: str) -> list[int]:
    """The processes of the machine that have the token among their words."""
    return [
        process.pid for process in psutil.process_iter(["cmdline"]) if token in " ".join(process.info["cmdline"] or [])
    ]


def until(so: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not so() and time.monotonic() < end:
        time.sleep(0.01)
    return so()

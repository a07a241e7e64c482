"""pip, run as a process of its own: what it says, what it was hindered by, and an end that leaves nothing behind."""

from __future__ import annotations

import ctypes
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tinderbox.errors import DownloadFailed, NoRoom, TinderboxError

LOOK_EVERY = 0.25  # seconds
_PR_SET_PDEATHSIG = 1
_KEPT_LINES = 400
_AGAIN = ("--retries", "3")  # a pip that does not try again does not say that the line was missing either
# What would send packages elsewhere than into the environment.
_ASTRAY = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_NO_DEPS")
_NO_LINE = re.compile(r"Retrying \(|Max retries|ConnectionError|ReadTimeout|name resolution|Network is unreachable")
_MISSING = re.compile(r"No matching distribution found for (\S+)")


def run_pip(python: Path, words: list[str], scratch: Path, look: Callable[[str], None]) -> None:
    """`look` is passed each line that pip says, and an empty one between, so that it can see how far it is.

    Raises NoRoom, DownloadFailed, or TinderboxError in pip's own words.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    process = subprocess.Popen(
        [python, "-I", "-m", "pip", *_AGAIN, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(scratch),
        preexec_fn=_tie(),  # noqa: PLW1509  (what runs in the fork calls the kernel alone)
    )
    try:
        assert process.stdout is not None  # noqa: S101  (asked for as a pipe)
        for line in _lines(process.stdout):
            lines = [*lines[-_KEPT_LINES:], line] if line else lines
            look(line)
        if process.wait():
            raise explain(lines)
    finally:
        process.kill()
        process.wait()


def explain(lines: list[str]) -> TinderboxError:
    """What pip said, as an error with a remedy."""
    text = "\n".join(lines)
    again = "Then run it again: it goes on where it stopped."
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return NoRoom("The disk filled up while packages were fetched or installed.", f"Free some. {again}")
    if "DO NOT MATCH THE HASHES" in text:
        which = next((line.split()[0] for line in lines if "from -r" in line and line.startswith("    ")), "a package")
        return DownloadFailed(
            f"{which} did not verify: what came is not what this release was tried with. Nothing of it was used.",
            "Look at the index that pip is told to use; it has another file under that name.",
        )
    missing = _MISSING.search(text)
    if _NO_LINE.search(text):
        which = f" {missing[1]}" if missing else ""
        return DownloadFailed(f"The package index could not be reached for{which}.", f"Look at the connection. {again}")
    if missing:
        return DownloadFailed(
            f"The package index has no {missing[1]} for this machine and Python {sys.version_info.major}."
            f"{sys.version_info.minor}.",
            "Look at the index that pip is told to use (pip config list).",
        )
    last = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")] or lines[-3:]
    return TinderboxError(f"pip ended with an error: {' '.join(last)[:600]}")


def _lines(pipe: IO[str]) -> Iterator[str]:
    """Its lines as they come; an empty one whenever none has come for a while."""
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        with pipe:
            for line in pipe:
                heard.put(line.rstrip())
        heard.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = heard.get(timeout=LOOK_EVERY)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line


def _environment(scratch: Path) -> dict[str, str]:
    """What is downloaded passes through `scratch`: the system's own folder for such files may be small, or memory."""
    kept = {key: value for key, value in os.environ.items() if key not in _ASTRAY}
    quiet = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "NO_COLOR": "1"}
    return kept | quiet | {"TMPDIR": str(scratch)}


def _tie() -> Callable[[], None] | None:
    """Asks Linux to end pip when this process ends, also by kill -9."""
    if sys.platform != "linux":
        return None
    parent, kernel = os.getpid(), ctypes.CDLL(None)  # loaded before the fork

    def die_with_parent() -> None:
        kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return die_with_parent

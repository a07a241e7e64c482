"""How long the command line keeps a person waiting, and how much disk the core takes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from tests.journeys.running import environment

from bench.figure import Result
from tinderbox.units import MB


def measure_commands(home: Path, rounds: int) -> list[Result]:
    return [_timed(home, ["--help"], rounds), _timed(home, ["ls"], rounds)]


def measure_size() -> list[Result]:
    """The files of every distribution that the core's lock names and this environment has."""
    lock = Path("requirements.lock").read_text()
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)
    size = sum(_size_of(name) for name in [*names, "tinderbox-ai"])
    return [Result("the core install, without models", "MB", 250, "at most", (size / MB,))]


def _timed(home: Path, words: list[str], rounds: int) -> Result:
    command = [str(Path(sys.executable).with_name("tinderbox")), *words]
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        subprocess.run(command, env=environment(home), stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begun)
    return Result(f"tinderbox {' '.join(words)}", "s", 0.15, "at most", tuple(times))


def _size_of(name: str) -> int:
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return 0  # the lock holds for every platform; this one does not need it
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_size for path in paths if path.is_file())

"""`add`: an environment from its lock, by pip. Whatever ends it, what came is kept, and nothing half made is in force.

Packages are fetched a few at a time into a folder, each compared with the lock's checksum when it is taken up again.
The environment itself is always made anew from them: what pip had half installed cannot be told from what is whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tinderbox.environments.capability import Capability
from tinderbox.environments.check import check_imports
from tinderbox.environments.environment import (
    Environment,
    Made,
    folder_of,
    look_up,
    python_of,
    record,
    site_of,
    strike,
)
from tinderbox.environments.interpreter import interpreter
from tinderbox.environments.lock import Requirement, canonical
from tinderbox.environments.pip import run_pip
from tinderbox.errors import Conflict, NoRoom, TinderboxError
from tinderbox.models.content import digest
from tinderbox.units import MB, Bytes, format_bytes

AT_ONCE = 8  # packages in one run of pip: what is lost at most when it is killed
RESERVE = 256 * MB  # of the disk that is left free
_MARKERS = """
import json, sys
from pip._vendor.packaging.markers import Marker
print(json.dumps([marker is None or Marker(marker).evaluate({"extra": ""}) for marker in json.load(sys.stdin)]))
"""


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is. `phase` is making, fetching, installing, trying or done; bytes are of what is fetched."""

    phase: str
    package: str = ""
    done: int = 0
    count: int = 0
    fetched: Bytes = 0


@dataclass(frozen=True, slots=True)
class Site:
    """Where an environment is being made: its folder, the folder of what was fetched, and a scratch folder."""

    folder: Path
    wheels: Path
    scratch: Path

    @property
    def python(self) -> Path:
        return python_of(self.folder)


def add(
    home: Path,
    wanted: Capability,
    report: Callable[[Step], None] = lambda _: None,
    free: Callable[[Path], Bytes] = lambda folder: shutil.disk_usage(folder).free,
) -> Environment:
    """The environment, made unless it is there as the lock says. Blocks.

    Raises NotFound (no such Python), NoRoom, DownloadFailed, Conflict (another process is at it), TinderboxError.
    """
    place = folder_of(home, wanted)
    with _alone(place, wanted):
        there = look_up(home, wanted)
        if there is not None and not there.stale:
            return there
        python = interpreter(wanted.python)
        name = wanted.lock.digest[:12]
        site = Site(place / name, place / "wheels", place / "scratch")
        _check_room(wanted, place, site.wheels, free)
        made = _make(wanted, site, python, report)
        environment = record(home, wanted, made)
        _tidy(place, name)
    report(Step("done", done=made.packages, count=made.packages))
    return environment


def remove(home: Path, wanted: Capability) -> Bytes:
    """Take it away; returns the bytes that are free again. Raises Conflict while a process runs in it."""
    place = folder_of(home, wanted)
    if not place.exists():
        return 0
    with _alone(place, wanted):
        if users := _users(place):
            remedy = "Stop the jobs and agents that use it (tinderbox jobs list)."
            raise Conflict(f"'{wanted.name}' is in use by process {', '.join(map(str, users))}.", remedy)
        freed = size_of(place)
        strike(home, wanted)
        for folder in _folders(place):
            shutil.rmtree(folder)
    return freed


def size_of(folder: Path) -> Bytes:
    """The disk that it takes; what comes and goes meanwhile is counted or not."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118  (ten thousands of them)
    return total


def _make(wanted: Capability, site: Site, python: Path, report: Callable[[Step], None]) -> Made:
    report(Step("making"))
    _create(python, site)
    requirements = _applicable(wanted.lock.requirements, site.python)
    _fetch(requirements, wanted.large, site, report)
    report(Step("installing", count=len(requirements)))
    lines = "\n".join(requirement.text for requirement in requirements)
    # Modules are compiled when they are first imported: most never are, and to compile all takes as long as the rest.
    _pip(site, ["install", "--no-compile", "--no-index", "--find-links", str(site.wheels)], lines, lambda _: None)
    report(Step("trying", count=len(requirements)))
    problem = check_imports(site.python, wanted.imports)
    if problem:
        raise TinderboxError(f"'{wanted.name}' was installed, but does not work: {problem}", "Report it.")
    return Made(
        lock=wanted.lock.digest,
        folder=site.folder.name,
        python=platform.python_version() if wanted.python is None else wanted.python,
        packages=len(requirements),
        size=size_of(site.folder),
        site=site_of(site.folder),
    )


def _create(python: Path, site: Site) -> None:
    """An empty environment with pip in it."""
    for folder in (site.folder, site.scratch):
        shutil.rmtree(folder, ignore_errors=True)
    site.wheels.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([python, "-I", "-m", "venv", "--", str(site.folder)], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).strip().splitlines()
        raise TinderboxError(
            f"{python} cannot make an environment: {said[0] if said else f'status {error.returncode}'}",
            "Debian and Ubuntu have what it needs in a package: apt-get install python3-venv",
        ) from error


def _applicable(requirements: tuple[Requirement, ...], python: Path) -> list[Requirement]:
    """Those that this machine and Python need: their markers are judged by pip's own code."""
    asked = json.dumps([requirement.marker for requirement in requirements])
    answer = subprocess.run([python, "-I", "-c", _MARKERS], input=asked, capture_output=True, text=True, check=True)
    return [one for one, applies in zip(requirements, json.loads(answer.stdout), strict=True) if applies]


def _fetch(requirements: list[Requirement], large: tuple[str, ...], site: Site, report: Callable[[Step], None]) -> None:
    missing = _missing(requirements, site.wheels)
    done = len(requirements) - len(missing)
    for some in batches(missing, large):
        step = Step("fetching", some[0].name, done, len(requirements))
        done += len(some)

        def look(line: str, begun: Step = step, some: list[Requirement] = some) -> None:
            nonlocal step
            come = size_of(site.wheels) + size_of(site.scratch)  # files that are whole, and one that is being written
            step = replace(_further(step, line, begun, some), fetched=come)
            report(step)

        lines = "\n".join(requirement.text for requirement in some)
        _pip(site, ["download", "--dest", str(site.wheels)], lines, look)


def batches(missing: list[Requirement], large: tuple[str, ...]) -> list[list[Requirement]]:
    """What pip is asked for in one run: some at once, the large ones alone and last."""
    small = [one for one in missing if not one.name.startswith(large)]
    together = [small[start : start + AT_ONCE] for start in range(0, len(small), AT_ONCE)]
    return together + [[one] for one in missing if one.name.startswith(large)]


def _further(step: Step, line: str, begun: Step, some: list[Requirement]) -> Step:
    """pip says `Collecting NAME==...` or `Processing .../NAME-...` as it comes to each, in the order asked."""
    words = line.split()
    if len(words) < 2 or words[0] not in ("Collecting", "Processing"):
        return step
    named = canonical(words[1].rpartition("/")[2])
    reached = [number for number, requirement in enumerate(some) if named.startswith(requirement.name)]
    return replace(step, package=some[reached[-1]].name, done=begun.done + reached[-1]) if reached else step


def _missing(requirements: list[Requirement], wheels: Path) -> list[Requirement]:
    """Those whose file is not there, whole. A file that is no requirement's goes: it was cut short, or is of old."""
    there = {digest(file): file for file in wheels.iterdir() if file.is_file()}
    needed = {sha256 for requirement in requirements for sha256 in requirement.sha256s}
    for sha256, file in there.items():
        if sha256 not in needed:
            file.unlink()
    return [requirement for requirement in requirements if not requirement.sha256s & there.keys()]


def _pip(site: Site, words: list[str], requirements: str, look: Callable[[str], None]) -> None:
    """`--only-binary`: what is installed are files, and no program of a package's runs on the way."""
    site.scratch.mkdir(exist_ok=True)
    wanted = site.scratch / "wanted.txt"
    wanted.write_text(requirements + "\n")
    strict = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(wanted)]
    run_pip(site.python, [*words, *strict], site.scratch, look)


def _check_room(wanted: Capability, place: Path, wheels: Path, free: Callable[[Path], Bytes]) -> None:
    """Before the first byte: what is to come must fit on the disk beside what is made of it."""
    needed = max(0, wanted.download - size_of(wheels)) + wanted.installed + RESERVE
    if (has := free(place)) < needed:
        raise NoRoom(
            f"'{wanted.name}' needs {format_bytes(needed)} of disk while it is made, "
            f"and {format_bytes(has)} is free in {place}.",
            f"Free {format_bytes(needed - has)}, or set TINDERBOX_HOME to a folder on a larger disk.",
        )


@contextmanager
def _alone(place: Path, wanted: Capability) -> Iterator[None]:
    """The system frees the lock of a process that dies."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another process is at '{wanted.name}'.", "Wait until it is done.") from error
        yield


def _tidy(place: Path, kept: str) -> None:
    """What was fetched, and environments of older locks that nobody runs in."""
    for folder in _folders(place):
        if folder.name != kept and not _users(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _folders(place: Path) -> list[Path]:
    return [found for found in place.iterdir() if found.is_dir()]


def _users(folder: Path) -> list[int]:
    """The processes that were started in an environment within the folder."""
    import psutil

    inside = f"{folder}{os.sep}"
    running = psutil.process_iter(["pid", "cmdline"])
    return [one.info["pid"] for one in running if (one.info["cmdline"] or [""])[0].startswith(inside)]

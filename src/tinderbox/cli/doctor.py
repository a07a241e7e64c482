"""`doctor`: what is wrong with this machine or this install, and what to do about it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from tinderbox.cli.table import format_table
from tinderbox.config import Config, read_config
from tinderbox.errors import TinderboxError
from tinderbox.units import GB, MB, format_bytes

Verdict = Literal["good", "note", "bad"]
_ENGINE_PATIENCE = 60  # seconds
_FEW_FREE = 2 * GB  # of disk; less than most models take


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `verdict` is good, a note worth knowing, or bad; bad ones carry a remedy."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


@click.command(epilog="Example: tinderbox doctor --json")
@click.option("--restore-state", type=int, metavar="N", help="Put the state back as it was before its update N.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(restore_state: int | None, as_json: bool) -> None:
    """Look for what is wrong with this machine or install, and say the remedy. Exit status 1 if anything is bad.

    With --restore-state nothing is looked for: the state is put back, with the box stopped, and the present one kept.
    """
    config = read_config()
    if restore_state is not None:
        restore(config.home, restore_state, as_json=as_json)
        return
    findings = [finding for check in CHECKS for finding in check(config)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        click.echo(format_table(("", "WHAT", "FOUND"), [(f.verdict, f.what, f.found) for f in findings]))
        for finding in findings:
            if finding.remedy:
                click.echo(f"\n{finding.what}: {finding.remedy}")
    if any(finding.verdict == "bad" for finding in findings):
        sys.exit(1)


def restore(home: Path, number: int, *, as_json: bool) -> None:
    """The lock keeps a box from starting meanwhile. It is noted in the state that goes aside: to write into the other
    would update it again."""
    from datetime import UTC, datetime

    from tinderbox import state
    from tinderbox.audit import HERE, deed, keep_deeds
    from tinderbox.daemon import home_lock

    with home_lock(home):
        with suppress(TinderboxError):  # a state that is broken is why it is replaced
            keep_deeds(home, [deed(HERE, "state replaced", f"by that of before update {number}", "begun")])
        aside = state.restore(home, number, datetime.now(UTC))
    told = f"The state is as it was before update {number}. What was there until now lies at {aside}."
    click.echo(json.dumps({"restored": number, "replaced": str(aside)}) if as_json else told)


def check_python(config: Config) -> Iterator[Finding]:
    yield Finding("python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def check_home(config: Config) -> Iterator[Finding]:
    home = config.home
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        yield Finding(
            "home", "bad", f"{home} cannot be written to", "Make it yours, or set TINDERBOX_HOME to another folder."
        )
        return
    if home.exists() and home.stat().st_mode & 0o077:
        yield Finding("home", "note", f"{home} can be read by other users", f"Close it with: chmod 700 {home}")
    else:
        yield Finding("home", "good", str(home))
    free = shutil.disk_usage(existing).free
    few = free < _FEW_FREE
    yield Finding(
        "disk",
        "bad" if few else "good",
        f"{format_bytes(free)} free",
        "Remove a model with: tinderbox rm MODEL, or move TINDERBOX_HOME to a larger disk." if few else "",
    )


def check_memory(config: Config) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{format_bytes(memory.available)} of {format_bytes(memory.total)} available"
    few = memory.available < 500 * MB
    yield Finding("memory", "bad" if few else "good", found, "Close what you do not need." if few else "")
    if not Path("/proc/pressure/memory").exists():
        yield Finding("pressure", "note", "this system does not report memory pressure (PSI)")


def check_limits(config: Config) -> Iterator[Finding]:
    from tinderbox.engines.groups import grounds

    if not config.control_groups:
        yield Finding("limits", "good", "each model's memory is looked at every second, as control_groups = false says")
        return
    with grounds() as held:
        if held.folder is not None:
            yield Finding("limits", "good", "each model is held to its memory by the kernel, in a control group")
            return
    yield Finding(
        "limits",
        "note",
        f"each model's memory is looked at every second, for want of a control group ({held.why})",
        "The kernel holds them on systems with control groups v2, if the box has a group of its own: "
        "systemd-run --user --scope -p Delegate=yes tinderbox up",
    )


def check_engine(config: Config) -> Iterator[Finding]:
    """The engine is tried in a process of its own: a wheel for another processor can end it with a signal."""
    code = "import json, xllamacpp as x; print(json.dumps([x.__version__, x.get_system_info()]))"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_ENGINE_PATIENCE, check=True
        )
        version, info = json.loads(tried.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        yield Finding(
            "engine", "bad", f"xllamacpp does not start: {error}", "Install it again: pip install -U xllamacpp"
        )
        return
    yield Finding("engine", "good", f"xllamacpp {version}")
    missing = sorted(_faster_instructions() - _flags_of(info))
    if missing:
        yield Finding(
            "engine build",
            "note",
            f"this processor has {', '.join(missing)}, which the prebuilt engine does not use",
            "Prompts are read 1.1 to 1.8 times faster by a build for this machine: "
            "CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary xllamacpp xllamacpp (needs a compiler).",
        )


def check_box(config: Config) -> Iterator[Finding]:
    from tinderbox.client import find_box
    from tinderbox.errors import BoxNotRunning

    try:
        with find_box(config.home) as box:
            loaded = [lease["holder"] for lease in box.ps()["leases"]]
            yield Finding("box", "good", f"runs at {box.address}, loaded: {', '.join(loaded) or 'nothing'}")
    except BoxNotRunning:
        yield Finding("box", "note", "is not running", "Start it with: tinderbox up --detach")
    except TinderboxError as error:
        yield Finding("box", "bad", error.what, error.remedy or "Stop it with: tinderbox down, and start it again.")


def check_store(config: Config) -> Iterator[Finding]:
    from tinderbox.models.store import Store

    try:
        models = Store(config.home).models()
    except TinderboxError as error:
        yield Finding("store", "bad", error.what, error.remedy)
        return
    lost = [stored.name for stored in models if not stored.path.exists()]
    for name in lost:
        yield Finding("store", "bad", f"the file of {name} is missing", f"tinderbox rm {name}; tinderbox pull {name}")
    if not lost:
        held = sum(stored.size for stored in models)
        yield Finding("store", "good", f"{len(models)} models, {format_bytes(held)}")


def check_caches(config: Config) -> Iterator[Finding]:
    from tinderbox.engines.caches import FOLDER, Caches

    held = Caches(config.home / FOLDER, config.caches).held()
    most = f"of {format_bytes(config.caches)} at most" if config.caches else "and none is added (caches = 0)"
    yield Finding("caches", "good", f"saved conversations: {len(held)}, {format_bytes(sum(held))} {most}")


def check_files(config: Config) -> Iterator[Finding]:
    from tinderbox.serve.kept_files import FOLDER

    sizes = [path.stat().st_size for path in (config.home / FOLDER).glob("file-*")]
    yield Finding("files", "good", f"that clients sent: {len(sizes)}, {format_bytes(sum(sizes))}")


def check_sandbox(config: Config) -> Iterator[Finding]:
    from tinderbox.agents.sandbox import check
    from tinderbox.errors import Unavailable

    try:
        yield Finding("sandbox", "good", f"agents can run code; {check()}")
    except Unavailable as error:
        yield Finding("sandbox", "note", f"agents run no code: {error.what}", error.remedy)


def check_environments(config: Config) -> Iterator[Finding]:
    from tinderbox.environments.capability import CAPABILITIES
    from tinderbox.environments.check import check
    from tinderbox.environments.environment import look_up

    for wanted in CAPABILITIES:
        found = look_up(config.home, wanted)
        if found is None:
            continue
        if problem := check(found):
            again = f"Make it anew: tinderbox add {wanted.name} --remove, then tinderbox add {wanted.name}"
            yield Finding(wanted.name, "bad", f"what was added does not work: {problem}", again)
        elif found.stale:
            what = "was added by another release; this one has other versions"
            yield Finding(wanted.name, "note", what, f"Bring it up to date: tinderbox add {wanted.name}")
        else:
            yield Finding(wanted.name, "good", f"{found.made.packages} packages for Python {found.made.python}")


CHECKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (
    check_python,
    check_home,
    check_memory,
    check_limits,
    check_engine,
    check_store,
    check_caches,
    check_files,
    check_sandbox,
    check_environments,
    check_box,
)


def _flags_of(info: str) -> set[str]:
    """`CPU : AVX = 1 | AVX2 = 1 |` as the names that are 1."""
    return {part.split("=")[0].split(":")[-1].strip() for part in info.split("|") if part.strip().endswith("= 1")}


def _faster_instructions() -> set[str]:
    """What the processor offers of the instruction sets that llama.cpp has faster code for, by llama.cpp's names."""
    names = {"avx512f": "AVX512", "avx512_vnni": "AVX512_VNNI", "avx512_bf16": "AVX512_BF16", "avx_vnni": "AVX_VNNI"}
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].splitlines()[0].split()
    except (OSError, IndexError):
        return set()
    return {name for flag, name in names.items() if flag in flags}

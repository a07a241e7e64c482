"""The sandbox: code that a model wrote runs in bubblewrap, or does not run.

It sees a read-only system of what an interpreter needs, a scratch folder that it may write, the folders that were
named, and nothing else: no network, no other process, no variable of the environment, no file of a home. Each run has
bounds on time, memory, processes, files and output.

Under `/desk` lie `scratch`, where the code starts, and the folders by their names; links in `scratch` make
`notes/a.md` lead to the same file as the file tools' `notes/a.md`.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tinderbox.agents.cage import Cage, caged
from tinderbox.agents.enclosure import SCRATCH, Carry, enclose
from tinderbox.agents.folder import Folder
from tinderbox.agents.seccomp import is_known, make_filter
from tinderbox.errors import Unavailable
from tinderbox.units import Bytes, KiB, MiB

Ended = Literal["exit", "signal", "time", "memory", "processes", "output", "disk"]
_LOOK_EVERY = 0.05  # seconds
_WEIGH_EVERY = 0.5  # seconds
_CHUNK = 64 * KiB
_NICE = "10"  # the models come first
_STEP_IN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'
_BLOCK = 4 * KiB
_TOO_OLD = ("Unknown option",)
_FORBIDDEN = ("namespace", "uid map", "mount", "Operation not permitted", "Permission denied")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may take. `seconds` bound the clock, and the processor for each process; `memory` and `processes`
    count over all its processes, `disk` over the scratch folder, `output` over what it prints."""

    seconds: float = 30.0
    memory: Bytes = 512 * MiB
    processes: int = 64
    disk: Bytes = 256 * MiB
    file: Bytes = 64 * MiB
    files: int = 256
    output: Bytes = 1 * MiB
    temporary: Bytes = 64 * MiB


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run. `status` is None where the run was ended from outside."""

    ended: Ended
    status: int | None
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def why(self) -> str:
        """Why it ended, in a sentence; nothing where it ended by itself and well."""
        reasons: dict[Ended, str] = {
            "exit": f"It ended with status {self.status}." if self.status else "",
            "signal": f"It was ended by signal {(self.status or 128) - 128}.",
            "time": f"It was ended after {self.seconds:.1f} s: its time was up.",
            "memory": "It was ended: it took more memory than it may.",
            "processes": "It was ended: it started more processes than it may.",
            "output": "It was ended: it printed more than it may.",
            "disk": "It was ended: it wrote more to the scratch folder than it may.",
        }
        return reasons[self.ended]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`scratch` is a folder of ours that the code may write."""

    scratch: Path
    folders: tuple[Folder, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)

    def run(self, words: Sequence[str], files: Mapping[str, bytes] | None = None, stdin: bytes = b"") -> Result:
        """Run a command, and return when nothing of it is left. `files` lie under `/run`, to be read.

        Raises Unavailable where the sandbox cannot be had, NotAllowed where a folder's path leads through a link.
        """
        program = find_program()
        places = (Folder(SCRATCH, self.scratch, write=True), *self.folders)
        _look_at(places)
        with ExitStack() as held, caged(self.bounds.memory, self.bounds.processes) as cage:
            carried, carry = _carrier(held)
            said = held.enter_context(tempfile.TemporaryFile())
            options = enclose(places, files or {}, self.bounds.temporary, carry)
            options += ["--seccomp", str(carry(make_filter())), "--json-status-fd", str(said.fileno())]
            arguments = str(carry("\0".join(options).encode() + b"\0"))
            command = [program, "--args", arguments, "--", "/bin/sh", "-c", _ulimits(self.bounds), "sh", *words]
            process = _start([*_entrance(cage), *command], (*carried, said.fileno()), carry(stdin))
            with process:
                try:
                    result = _attend(process, self.bounds, cage, self.scratch)
                finally:
                    process.kill()  # where we are interrupted
            said.seek(0)
            return _settled(result, said.read())


def find_program() -> str:
    """bubblewrap's path. Raises Unavailable with the remedy."""
    if sys.platform != "linux" or not is_known():
        raise Unavailable("The sandbox is made of parts that only Linux on x86-64 and aarch64 has.")
    found = shutil.which("bwrap")
    if found is None:
        raise Unavailable("The sandbox needs bubblewrap, which is not installed.", "apt-get install bubblewrap")
    return found


def check() -> str:
    """Try the sandbox for real, and say how its limits are kept. Raises Unavailable with what stands against it."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Sandbox(Path(scratch).resolve(), bounds=replace(Bounds(), seconds=10.0)).run(["sh", "-c", "exit 7"])
    if result.status != 7:
        said = result.stderr.decode(errors="replace").strip()
        raise Unavailable(f"The sandbox does not work here. {result.why} {said}".strip())
    with caged(Bounds().memory, Bounds().processes) as cage:
        return (
            "its limits are kept by control groups"
            if cage.groups
            else "its memory is looked at twenty times a second, for want of a control group"
        )


def available() -> bool:
    """Whether code can be run here; if not, the tools that run code are off."""
    try:
        check()
    except Unavailable:
        return False
    return True


def _look_at(places: Sequence[Folder]) -> None:
    """Each place must be the folder that its path names. In the scratch folder, links lead to the others by name."""
    for place in places[1:]:
        with place.opened():
            pass
    with places[0].opened() as scratch:
        for place in places[1:]:
            with suppress(FileExistsError):
                os.symlink(f"../{place.name}", place.name, dir_fd=scratch)


def _carrier(held: ExitStack) -> tuple[list[int], Carry]:
    """Files in memory that a child is handed, and what makes one. They are closed with `held`."""
    carried: list[int] = []

    def carry(content: bytes) -> int:
        made = os.memfd_create("tinderbox", os.MFD_CLOEXEC)
        held.callback(os.close, made)
        os.write(made, content)
        os.lseek(made, 0, os.SEEK_SET)
        carried.append(made)
        return made

    return carried, carry


def _ulimits(bounds: Bounds) -> str:
    """What each process may do by itself; where one limit cannot be set, nothing is run. `-u` (bash) or `-p` (dash)
    counts the processes of this user in here."""
    limits = {"d": bounds.memory // KiB, "t": int(bounds.seconds) + 1, "f": bounds.file // 512, "n": bounds.files}
    words = [f"ulimit -{letter} {value}" for letter, value in limits.items()]
    count = bounds.processes
    counted = f"{{ ulimit -u {count} 2>/dev/null || ulimit -p {count}; }}"
    return " && ".join([*words, "ulimit -c 0", counted, 'exec "$@"'])


def _entrance(cage: Cage) -> list[str]:
    """Step into the groups, step back behind everybody else, and become what follows."""
    steps = [str(group / "cgroup.procs") for group in cage.groups]
    return ["/bin/sh", "-c", _STEP_IN, "sh", *steps, "--", "/usr/bin/nice", "-n", _NICE]


def _start(command: Sequence[str], carried: Sequence[int], stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},  # the first process inside shows its environment to the others
        cwd="/",
        pass_fds=carried,
        start_new_session=True,
    )


def _attend(process: subprocess.Popen[bytes], bounds: Bounds, cage: Cage, scratch: Path) -> Result:
    """Hear what it says until it ends or passes a bound; then it is killed, and everything in it with it."""
    begun = time.monotonic()
    heard: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    ended: Ended | None = None
    weighed = begun
    with selectors.DefaultSelector() as selector:
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert pipe is not None  # noqa: S101  (asked for as a pipe)
            selector.register(pipe, selectors.EVENT_READ, name)
        while ended is None and (selector.get_map() or process.poll() is None):
            for key, _ in selector.select(_LOOK_EVERY):
                if chunk := os.read(key.fd, _CHUNK):
                    heard[key.data] += chunk
                else:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            ended = "time" if now - begun > bounds.seconds else None
            ended = ended or ("output" if sum(map(len, heard.values())) > bounds.output else None)
            ended = ended or cage.breach(process.pid)
            if ended is None and now - weighed > _WEIGH_EVERY:
                weighed = now
                ended = "disk" if _outweighs(scratch, bounds.disk) else None
    if ended is not None:
        process.kill()
    status = process.wait()
    ended = ended or cage.breach(process.pid)
    seconds = time.monotonic() - begun
    stdout, stderr = (bytes(heard[name][: bounds.output]) for name in ("stdout", "stderr"))
    return Result(ended or "exit", None if ended else status, stdout, stderr, seconds)


def _settled(result: Result, said: bytes) -> Result:
    """By what bubblewrap said of the end. Raises Unavailable where it never came to start the command."""
    if result.ended != "exit":
        return result
    statuses = [json.loads(line) for line in said.splitlines()]
    status = next((words["exit-code"] for words in statuses if "exit-code" in words), None)
    if status is None:
        why = result.stderr.decode(errors="replace").strip() or f"it ended with status {result.status}"
        raise Unavailable(f"The sandbox cannot be had here: {why.rstrip('.')}.", _remedy(why))
    if status == 128 + signal.SIGXCPU:
        return replace(result, ended="time", status=None)
    return replace(result, ended="signal" if status > 128 else "exit", status=status)


def _remedy(why: str) -> str:
    if any(words in why for words in _TOO_OLD):
        return "It is too old: bubblewrap 0.8 or newer is needed."
    if any(words in why for words in _FORBIDDEN):
        return (
            "The system must let you make user namespaces: sysctl kernel.unprivileged_userns_clone=1, on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0; a container's own policy must allow them too."
        )
    return ""


def _outweighs(folder: Path, most: Bytes) -> bool:
    """Whether what is in it takes more of the disk; a name takes a block too. Links are not followed."""
    held = 0
    for _, below, files, place in os.fwalk(folder, follow_symlinks=False):
        held += _BLOCK * len(below)
        for name in files:
            with suppress(OSError):
                held += max(_BLOCK, os.stat(name, dir_fd=place, follow_symlinks=False).st_blocks * 512)
        if held > most:
            return True
    return False

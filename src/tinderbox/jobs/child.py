"""How a job's process is made to give way: `python -m tinderbox.jobs.child PARENT last|attended COMMAND...`.

It ties itself to the box, steps behind everybody else unless somebody attends it, and becomes the command: what it set
holds for that too. Where no kernel can tie the two, it stays between them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_OUT_OF_MEMORY_SCORE = 700  # of 1000: the kernel ends a job before an engine (500), and that before the box
_LAST = 19  # the nicest there is
_LOOK_EVERY = 0.5  # seconds between looks whether the box is still there


def die_with(parent: int) -> None:
    """Ask Linux to end us when the box ends, and to end us first when memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text(str(_OUT_OF_MEMORY_SCORE))
    if os.getppid() != parent:
        os._exit(1)  # the box ended before we could ask


def step_back() -> None:
    """Take the processor and the disk only while nobody else wants them; what a container forbids is left out."""
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with suppress(OSError):
            # A session of its own has, where the kernel groups by session, a share as large as any other's.
            Path("/proc/self/autogroup").write_text(str(_LAST))
        with suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    with suppress(OSError):
        os.nice(_LAST)


def stay_between(parent: int, command: list[str]) -> int:
    """Run the command until it ends or the box is gone. Returns its exit status, or minus the signal that ended it."""
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=_LOOK_EVERY)
        if os.getppid() != parent:
            process.kill()


def main() -> None:
    parent, place, *command = sys.argv[1:]
    die_with(int(parent))
    if place == "last":
        step_back()
    if os.uname().sysname == "Linux":  # mypy would leave out the rest for `sys.platform`
        os.execvp(command[0], command)  # noqa: S606  (the words come from kinds.py)
    code = stay_between(int(parent), command)
    if code < 0:
        os.kill(os.getpid(), -code)  # ended as it was ended
    sys.exit(code)


if __name__ == "__main__":
    main()

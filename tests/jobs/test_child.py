"""How a job's process is tied to the box and steps back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import PATIENCE, is_alive
from tests.journeys.test_survival import comes_true

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux has")
SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True, start_new_session=True)


@LINUX
def test_the_command_has_the_least_of_everything() -> None:
    script = (
        "import os, psutil; from pathlib import Path; "
        "print(os.sched_getscheduler(0) == os.SCHED_IDLE, os.nice(0), int(psutil.Process().ionice()[0]), "
        "Path('/proc/self/oom_score_adj').read_text().strip())"
    )
    child = start("-m", "tinderbox.jobs.child", str(os.getpid()), "last", sys.executable, "-c", script)

    assert child.communicate(timeout=PATIENCE)[0].split() == ["True", "19", "3", "700"]


def test_a_box_that_is_gone_already_starts_nothing() -> None:
    child = start("-m", "tinderbox.jobs.child", "1", "last", *SLEEPER)

    assert (child.communicate(timeout=PATIENCE)[0], child.returncode) == ("", 1)


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_where_no_kernel_ties_them_the_command_still_ends_with_the_box(ended_by: signal.Signals) -> None:
    between = (
        "import os, sys; from tinderbox.jobs.child import stay_between; print(os.getpid(), flush=True); "
        f"sys.exit(-stay_between(os.getppid(), {list(SLEEPER)!r}))"
    )
    box = start("-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {between!r}])")
    assert box.stdout is not None
    staying = int(box.stdout.readline())
    box.stdout.readline()
    command = int(Path(f"/proc/{staying}/task/{staying}/children").read_text())

    os.kill(staying if ended_by is signal.SIGTERM else box.pid, ended_by)

    assert comes_true(lambda: not is_alive(command))
    assert comes_true(lambda: not is_alive(staying))
    box.kill()
    box.communicate()

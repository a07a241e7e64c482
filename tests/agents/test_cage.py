"""Control groups for the sandbox, on trees written after the kernel's; `test_sandbox.py` has the kernel's own."""

import subprocess
from pathlib import Path

import psutil
import pytest

from tinderbox.agents.cage import Cage, caged
from tinderbox.errors import Unavailable


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_one_group_of_the_second_kind_holds_both(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/self/cgroup": "0::/box\n", "sys/fs/cgroup/box/cgroup.subtree_control": "memory pids"})

    with caged(100, 5, tmp_path) as cage:
        (group,) = cage.groups
        settings = {file.name: file.read_text() for file in group.iterdir()}

    assert group.parent == tmp_path / "sys/fs/cgroup/box"
    assert settings == {"memory.max": "100", "memory.swap.max": "0", "pids.max": "7"}


def test_the_first_kind_has_a_group_for_each(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/self/cgroup": "8:pids:/\n4:memory:/box\n0::/\n"})
    for place in ("pids", "memory/box"):
        (tmp_path / "sys/fs/cgroup" / place).mkdir(parents=True)

    with caged(100, 5, tmp_path) as cage:
        assert [group.parent.name for group in cage.groups] == ["box", "pids"]


def test_groups_that_were_left_behind_are_removed(tmp_path: Path) -> None:
    left, used = (tmp_path / f"sys/fs/cgroup/pids/sandbox-{pid}-ab" for pid in (41, 42))
    write(tmp_path, **{"proc/self/cgroup": "8:pids:/\n4:memory:/\n", "proc/42/stat": ""})
    for place in (left, used, tmp_path / "sys/fs/cgroup/memory"):
        place.mkdir(parents=True)

    with caged(100, 5, tmp_path):
        assert (left.exists(), used.exists()) == (False, True)


def test_a_group_says_what_was_passed(tmp_path: Path) -> None:
    for name, text in (("a", "max 0"), ("b", "max 3")):
        write(tmp_path, **{f"{name}/pids.events": text, f"{name}/memory.events": "low 0\noom_kill 1"})

    assert Cage(1, 1, (tmp_path / "a",)).breach(pid=1) == "memory"
    assert Cage(1, 1, (tmp_path / "b",)).breach(pid=1) == "processes"


def test_without_groups_the_processes_are_watched(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/self/cgroup": "0::/\n"})

    with caged(2**40, 1000, tmp_path, user=1000) as cage:
        assert cage.groups == ()
        assert cage.breach(pid=2**30) is None


def test_root_without_groups_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, **{"proc/self/cgroup": "0::/\n"})

    with pytest.raises(Unavailable, match="Run the box as another user"), caged(2**40, 1000, tmp_path, user=0):
        pass


def test_the_watch_counts_and_weighs_a_process_with_its_children() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & echo up; wait"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid, many = process.pid, 2**40
        found = [Cage(memory, count).breach(pid) for memory, count in ((many, 1), (many, 0), (1, 1))]
        for child in psutil.Process(pid).children():
            child.kill()

    assert found == [None, "processes", "memory"]

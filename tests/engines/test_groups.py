"""Where groups may be made, on trees written after the kernel's; `test_limits.py` has the kernel's own."""

from pathlib import Path

import pytest

from tinderbox.engines.groups import grounds, make_group, most_held, was_ended

OWN = "user.slice/box.scope"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def tree(root: Path, changed: dict[str, str] | None = None) -> Path:
    """A machine with one hierarchy of the second kind, whose box is alone in a group that was handed memory."""
    group = f"sys/fs/cgroup/{OWN}"
    files = {
        "proc/self/cgroup": f"0::/{OWN}\n",
        "proc/41/stat": "",
        "sys/fs/cgroup/cgroup.controllers": "cpu memory",
        f"{group}/cgroup.controllers": "cpu memory",
        f"{group}/cgroup.subtree_control": "",
        f"{group}/cgroup.procs": "41",
        f"{group}/memory.max": "max",
        "sys/fs/cgroup/user.slice/cgroup.subtree_control": "memory",
        "sys/fs/cgroup/user.slice/cgroup.procs": "",
    }
    write(root, **files | (changed or {}))
    return root


def text(root: Path, name: str) -> str:
    return (root / "sys/fs/cgroup" / name).read_text()


def test_the_box_steps_aside_so_that_its_group_can_hand_memory_down(tmp_path: Path) -> None:
    with grounds(tree(tmp_path), pid=41) as found:
        assert found.folder == tmp_path / f"sys/fs/cgroup/{OWN}/tinderbox-41"
        assert text(tmp_path, f"{OWN}/tinderbox-41/box/cgroup.procs") == "41"
        assert text(tmp_path, f"{OWN}/cgroup.subtree_control") == "+memory"


def test_it_steps_back_at_the_end(tmp_path: Path) -> None:
    with grounds(tree(tmp_path), pid=41):
        pass

    assert text(tmp_path, f"{OWN}/cgroup.procs") == "41"
    assert text(tmp_path, f"{OWN}/cgroup.subtree_control") == "-memory"


def test_a_group_that_is_not_handed_memory_is_left_for_the_one_above(tmp_path: Path) -> None:
    with grounds(tree(tmp_path, {f"sys/fs/cgroup/{OWN}/cgroup.controllers": "cpu"}), pid=41) as found:
        assert found.folder == tmp_path / "sys/fs/cgroup/user.slice/tinderbox-41"


def test_the_limit_of_our_own_group_is_never_escaped(tmp_path: Path) -> None:
    limited = {f"sys/fs/cgroup/{OWN}/cgroup.controllers": "cpu", f"sys/fs/cgroup/{OWN}/memory.max": "1000000"}

    with grounds(tree(tmp_path, limited), pid=41) as found:
        assert found.folder is None
        assert "would be escaped" in found.why


def test_the_first_kind_of_control_groups_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)

    with grounds(tmp_path, pid=41) as found:
        assert found.why == "memory is in control groups of the first kind"


def test_what_a_killed_box_left_is_swept_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    root = tree(tmp_path)
    living, dead = (root / f"sys/fs/cgroup/{OWN}/tinderbox-{pid}" for pid in (41, 40))
    (living / "child").mkdir(parents=True)
    (dead / "child").mkdir(parents=True)

    with grounds(root, pid=42):
        assert (living.exists(), dead.exists()) == (True, False)


def test_a_group_is_limited_before_its_process_comes_in(tmp_path: Path) -> None:
    group = make_group(tmp_path, "child", limit=1000, pid=7)

    assert {file.name: file.read_text() for file in group.iterdir()} == {
        "memory.max": "1000",
        "memory.oom.group": "1",
        "cgroup.procs": "7",
    }


@pytest.mark.parametrize(("events", "ended"), [("low 0\noom 1\noom_kill 1\n", True), ("oom 3\noom_kill 0\n", False)])
def test_the_kernels_count_says_whether_it_ended_the_child(tmp_path: Path, events: str, ended: bool) -> None:
    write(tmp_path, **{"memory.events": events, "memory.peak": "123\n"})

    assert (was_ended(tmp_path), most_held(tmp_path)) == (ended, 123)

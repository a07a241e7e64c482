"""Environments are made of locks by the real pip, from an index of tiny wheels."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinderbox
from tests.environments.wheelhouse import NINE, Index, build, lock
from tinderbox.environments.check import check
from tinderbox.environments.environment import Environment, find, look_up
from tinderbox.environments.make import Step, add, remove
from tinderbox.errors import Conflict, DownloadFailed, NoRoom, NotAdded

pytestmark = pytest.mark.slow
PATIENCE = 300  # seconds
ADD = """
import sys
from pathlib import Path
from tests.environments.wheelhouse import NINE, lock
from tinderbox.environments.make import add
home, wheels = Path(sys.argv[1]), Path(sys.argv[2])
add(home, lock(home, *(wheels / f"{name}-1.0-py3-none-any.whl" for name in NINE)))
"""
SEEN = "import tiny, tinderbox, importlib.util as u; print(tiny.version, tinderbox.__file__, u.find_spec('click'))"


def adding(home: Path, index: Index) -> subprocess.Popen[bytes]:
    """A process that adds nine packages, and has come to the file that the index holds back."""
    process = subprocess.Popen([sys.executable, "-c", ADD, str(home), str(index.wheels)])
    if not index.reached.wait(PATIENCE):
        process.kill()
        raise TimeoutError(process.wait())
    return process


def using(environment: Environment) -> subprocess.Popen[bytes]:
    """A process in it that ends when it is passed a line."""
    user = subprocess.Popen([environment.python, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    assert user.stdout is not None
    user.stdout.readline()
    return user


def test_what_is_added_runs_with_its_own_packages_and_this_installation_alone(tmp_path: Path, index: Index) -> None:
    wanted = lock(tmp_path, build(index.wheels, "tiny"))
    steps: list[Step] = []

    made = add(tmp_path, wanted, steps.append)

    python, *words = made.command("tinderbox.units")
    seen = subprocess.run([python, "-I", "-c", SEEN], capture_output=True, text=True, check=True).stdout.split()
    assert (seen[0], seen[2]) == ("1.0", "None")
    assert Path(seen[1]).resolve() == Path(tinderbox.__file__).resolve()
    assert subprocess.run([python, *words], check=False).returncode == 0
    assert (check(made), add(tmp_path, wanted)) == ("", made)
    assert {step.phase for step in steps} == {"making", "fetching", "installing", "trying", "done"}


def test_a_newer_lock_makes_it_stale_and_what_is_in_use_outlives_another_add(tmp_path: Path, index: Index) -> None:
    old = add(tmp_path, lock(tmp_path, build(index.wheels, "tiny")))
    newer = lock(tmp_path, build(index.wheels, "tiny", "2.0"))
    user = using(old)

    stale = look_up(tmp_path, newer)
    made = add(tmp_path, newer)
    with pytest.raises(Conflict, match=f"in use by process {user.pid}"):
        remove(tmp_path, newer)
    user.communicate(os.linesep.encode())
    freed = remove(tmp_path, newer)

    assert stale is not None
    assert (stale.stale, made.stale) == (True, False)
    assert (freed > 0, old.folder.exists(), look_up(tmp_path, newer)) == (True, False, None)


def test_a_file_that_is_not_the_locks_is_refused_and_nothing_is_in_force(tmp_path: Path, index: Index) -> None:
    wanted = lock(tmp_path, build(index.wheels, "tiny"))
    with (index.wheels / "tiny-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"more")

    with pytest.raises(DownloadFailed, match=r"tiny.* did not verify"):
        add(tmp_path, wanted)

    assert look_up(tmp_path, wanted) is None


def test_killed_in_the_middle_it_goes_on_with_what_had_come_whole(tmp_path: Path, index: Index) -> None:
    wheels = [build(index.wheels, name) for name in NINE]
    wanted, index.held = lock(tmp_path, *wheels), wheels[-1].name
    process = adding(tmp_path, index)

    process.kill()
    process.wait()
    before, index.held = look_up(tmp_path, wanted), ""
    (tmp_path / "environments" / "tiny" / "wheels" / wheels[0].name).write_bytes(b"cut short")
    made = add(tmp_path, wanted)

    assert (before, check(made)) == (None, "")
    assert sorted(index.asked) == sorted([*(wheel.name for wheel in wheels), wheels[0].name, wheels[-1].name])


def test_without_a_line_it_says_so_and_what_to_do(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = lock(tmp_path, build(index.wheels, "tiny"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    with pytest.raises(DownloadFailed) as raised:
        add(tmp_path, wanted)

    assert "could not be reached" in raised.value.what
    assert "goes on where it stopped" in raised.value.remedy


def test_a_disk_that_is_too_small_is_refused_before_anything_comes(tmp_path: Path, index: Index) -> None:
    wanted = lock(tmp_path, build(index.wheels, "tiny"))

    with pytest.raises(NoRoom, match=r"needs 256.0 MB of disk"):
        add(tmp_path, wanted, free=lambda _: 1000)

    assert index.asked == []


def test_it_is_made_by_one_process_at_a_time(tmp_path: Path, index: Index) -> None:
    wanted = lock(tmp_path, build(index.wheels, "tiny"))
    place = tmp_path / "environments" / "tiny"
    place.mkdir(parents=True)

    with (place / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another process"):
            add(tmp_path, wanted)


def test_what_was_not_added_is_named_with_the_command_that_adds_it(tmp_path: Path) -> None:
    with pytest.raises(NotAdded, match="tinderbox add agents"):
        find(tmp_path, "agents")

"""Where the sandbox cannot be had, it says why, and what to do."""

from pathlib import Path

import pytest

from tinderbox.agents.sandbox import available, check
from tinderbox.agents.seccomp import is_known, make_filter
from tinderbox.errors import Unavailable

REMEDIES = {
    "bwrap: Unknown option --disable-userns": "bubblewrap 0.8 or newer is needed",
    "bwrap: No permissions to create new namespace": "kernel.unprivileged_userns_clone=1",
    "bwrap: setting up uid map: Permission denied": "apparmor_restrict_unprivileged_userns=0",
    "bwrap: Can't mount proc on /newroot/proc: Operation not permitted": "a container's own policy",
    "": "it ended with status 1",
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_bubblewrap_it_is_off(programs: Path) -> None:
    with pytest.raises(Unavailable, match="apt-get install bubblewrap"):
        check()

    assert not available()


@pytest.mark.parametrize(("said", "remedy"), REMEDIES.items())
def test_a_bubblewrap_that_cannot_work_is_told_with_the_remedy(programs: Path, said: str, remedy: str) -> None:
    (programs / "bwrap").write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    (programs / "bwrap").chmod(0o755)

    with pytest.raises(Unavailable) as off:
        check()

    assert remedy in str(off.value)


def test_the_filter_is_made_for_the_processors_whose_calls_are_known() -> None:
    assert is_known("x86_64")
    assert is_known("aarch64")
    assert not is_known("riscv64")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_lands_within_it(machine: str) -> None:
    program = make_filter(machine)
    steps = [program[at : at + 8] for at in range(0, len(program), 8)]

    assert len(program) % 8 == 0
    assert all(at + 1 + max(step[2], step[3]) < len(steps) for at, step in enumerate(steps) if step[0] != 0x06)
    assert steps[-1][0] == 0x06

"""A lock names every package with its version and checksums."""

from pathlib import Path

import pytest

from tinderbox.environments.capability import CAPABILITIES, Capability, capability
from tinderbox.environments.lock import read_lock
from tinderbox.errors import TinderboxError, WrongUsage

ONE = "Some_Thing[extra]==1.2 ; sys_platform == 'win32' \\\n    --hash=sha256:" + "a" * 64 + "\n"


def test_a_line_is_read_with_its_marker_and_checksums(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(f"# made by hand\n{ONE}")

    (found,) = read_lock(tmp_path / "a.lock").requirements

    assert (found.name, found.version, found.marker) == ("some-thing", "1.2", "sys_platform == 'win32'")
    assert found.sha256s == {"a" * 64}


@pytest.mark.parametrize("line", ["thing==1.0\n", "thing>=1.0 --hash=sha256:" + "a" * 64, "--index-url http://x\n"])
def test_a_line_without_version_or_checksum_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.lock").write_text(ONE + line)

    with pytest.raises(TinderboxError, match="no pinned package"):
        read_lock(tmp_path / "a.lock")


def test_the_digest_changes_with_the_lock(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(ONE)
    (tmp_path / "b.lock").write_text(ONE.replace("1.2", "1.3"))

    assert read_lock(tmp_path / "a.lock").digest != read_lock(tmp_path / "b.lock").digest


@pytest.mark.parametrize("one", CAPABILITIES, ids=lambda one: one.name)
def test_each_capability_has_a_lock_that_names_each_package_once(one: Capability) -> None:
    pinned = [(requirement.name, requirement.marker) for requirement in one.lock.requirements]

    assert len(pinned) == len(set(pinned)) > 10


def test_an_unknown_capability_is_refused_with_the_known() -> None:
    with pytest.raises(WrongUsage, match="Did you mean agents"):
        capability("agent")

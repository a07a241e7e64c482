"""A lock names every package with its version and checksums."""

from pathlib import Path

import pytest

from tinderbox.environments.capability import CAPABILITIES, Capability, capability
from tinderbox.environments.check import other_versions
from tinderbox.environments.lock import Requirement, read_lock
from tinderbox.environments.make import batches
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


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"a": "1", "b": "2"}, ""),
        ({"a": "1", "b": "3"}, ""),
        ({"a": "1", "more": "9"}, ""),
        ({"a": "2"}, "a is 2, not 1"),
        ({"a": "1", "b": "4"}, "b is 4, not 2 or 3"),
        ({}, "a 1 is missing"),
    ],
)
def test_what_is_installed_is_held_against_the_lock(tmp_path: Path, installed: dict[str, str], said: str) -> None:
    sha256 = f" --hash=sha256:{'a' * 64}\n"
    lines = ("a==1", "b==2 ; python_version < '3.12'", "b==3 ; python_version >= '3.12'")
    (tmp_path / "a.lock").write_text("".join(line + sha256 for line in lines))

    assert other_versions(read_lock(tmp_path / "a.lock"), installed) == said


def test_large_packages_are_fetched_one_by_one_and_last(tmp_path: Path) -> None:
    names = [*(f"small{number}" for number in range(9)), "torch", "nvidia-a"]
    all_of_them = [Requirement(name, "1", None, frozenset(), name) for name in ["torchvision", *names]]

    found = [[one.name for one in some] for some in batches(all_of_them, ("torch", "nvidia-"))]

    assert found == [names[:8], names[8:9], ["torchvision"], ["torch"], ["nvidia-a"]]


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

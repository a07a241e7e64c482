"""Files that are kept: for how long, and within which bounds."""

from pathlib import Path

import pytest

from tinderbox.errors import NoRoom, NoSuchFile, TooLarge
from tinderbox.serve.kept_files import KeptFile, KeptFiles, Label
from tinderbox.units import TB


def keep(files: KeptFiles, lasts: float | None = None, name: str = "a.txt") -> KeptFile:
    with files.incoming() as incoming:
        incoming.write(b"abc")
        return incoming.keep("alice", Label(name, "evals", lasts))


def test_a_file_that_has_expired_is_not_found_and_leaves_the_disk(tmp_path: Path) -> None:
    brief = keep(KeptFiles(tmp_path, clock=lambda: 0.0), lasts=3600)
    lasting = keep(KeptFiles(tmp_path, clock=lambda: 0.0))
    later = KeptFiles(tmp_path, clock=lambda: 3600.0)

    with pytest.raises(NoSuchFile):
        later.find("alice", brief.id)
    assert later.list("alice") == [lasting]
    later.tidy()
    assert [file.name for file in later.folder.iterdir()] == [lasting.id]


def test_a_file_beyond_the_bound_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    files = KeptFiles(tmp_path, largest=2)

    with pytest.raises(TooLarge, match="larger than 2 B"):
        keep(files)
    assert list(files.folder.iterdir()) == []


def test_a_disk_that_is_nearly_full_takes_no_file(tmp_path: Path) -> None:
    with pytest.raises(NoRoom, match="stays so"), KeptFiles(tmp_path, reserve=10_000 * TB).incoming():
        pass
    with pytest.raises(NoRoom), KeptFiles(tmp_path, reserve=0).incoming(expected=10_000 * TB):
        pass


def test_what_came_in_part_goes_when_the_box_starts(tmp_path: Path) -> None:
    kept = keep(files := KeptFiles(tmp_path))
    (files.folder / "part-0123").write_bytes(b"ab")

    files.tidy()

    assert [file.name for file in files.folder.iterdir()] == [kept.id]


def test_a_content_that_somebody_removed_is_said_to_be_gone(tmp_path: Path) -> None:
    kept = keep(files := KeptFiles(tmp_path))
    (files.folder / kept.id).unlink()

    with pytest.raises(NoSuchFile, match="is gone"):
        files.content(kept)
    files.delete("alice", kept.id)
    assert files.list("alice") == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [("../../a.txt", "a.txt"), ("C:\\b.txt", "b.txt"), ("a\r\nb\0", "ab"), ("dir/", "file"), ("ü" * 300, "ü" * 255)],
)
def test_a_name_is_its_last_part_and_can_be_shown(tmp_path: Path, sent: str, told: str) -> None:
    assert keep(KeptFiles(tmp_path), name=sent).filename == told

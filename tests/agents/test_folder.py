"""Folders: what is in them is reached, and nothing else."""

import os
from pathlib import Path

import pytest

from tinderbox.agents.folder import Folder
from tinderbox.errors import NotAllowed, NotFound


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    place = tmp_path.resolve() / "notes"
    (place / "below").mkdir(parents=True)
    (place / "below/a.md").write_text("hello")
    (tmp_path / "secret").write_text("1-2-3-4")
    return Folder("notes", place, write=True)


def read(folder: Folder, path: str) -> bytes:
    with folder.open_file(path, most=1000) as found:
        return os.read(found, 1000)


def test_a_file_is_read(folder: Folder) -> None:
    assert read(folder, "below/a.md") == read(folder, "./below//a.md") == b"hello"


def test_a_file_is_written_with_the_folders_on_its_way(folder: Folder) -> None:
    folder.replace("new/deep/b.md", b"there")

    assert (folder.path / "new/deep/b.md").read_bytes() == b"there"
    assert [entry.name for entry in (folder.path / "new/deep").iterdir()] == ["b.md"]


def test_a_file_that_is_replaced_keeps_its_mode(folder: Folder) -> None:
    (folder.path / "run.sh").write_text("old")
    (folder.path / "run.sh").chmod(0o750)

    folder.replace("run.sh", b"new")

    assert (folder.path / "run.sh").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("path", ["../secret", "below/../../secret", "/etc/passwd", "below/..", "a\0b", "x" * 300])
def test_no_path_leads_out(folder: Folder, path: str) -> None:
    with pytest.raises(NotAllowed):
        read(folder, path)
    with pytest.raises(NotAllowed):
        folder.replace(path, b"changed")

    assert (folder.path.parent / "secret").read_text() == "1-2-3-4"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "below/a.md", "/proc/self/environ"])
def test_no_link_is_followed(folder: Folder, target: str) -> None:
    (folder.path / "link").symlink_to(target)

    with pytest.raises(NotAllowed, match="links are not followed"):
        read(folder, "link")


def test_no_link_on_the_way_is_followed(folder: Folder) -> None:
    (folder.path / "way").symlink_to("..")

    with pytest.raises(NotAllowed, match="links are not followed"):
        read(folder, "way/secret")
    with pytest.raises(NotAllowed, match="links are not followed"):
        folder.replace("way/secret", b"changed")
    with pytest.raises(NotAllowed, match="links are not followed"), folder.open_folder("way"):
        pass


def test_a_link_is_replaced_not_written_through(folder: Folder) -> None:
    (folder.path / "link").symlink_to("../secret")

    folder.replace("link", b"changed")

    assert (folder.path.parent / "secret").read_text() == "1-2-3-4"
    assert (folder.path / "link").read_text() == "changed"


def test_a_pipe_holds_nobody_up(folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe")

    with pytest.raises(NotAllowed, match="is no file"):
        read(folder, "pipe")


def test_what_is_too_large_is_refused(folder: Folder) -> None:
    folder.replace("large", bytes(1001))

    with pytest.raises(NotAllowed, match="has 1001 bytes; 1000 at most"):
        read(folder, "large")


def test_what_is_not_there_is_told(folder: Folder) -> None:
    with pytest.raises(NotFound, match=r"'below/b.md' is not there"):
        read(folder, "below/b.md")


@pytest.mark.parametrize("path", ["", ".", "below"])
def test_a_folder_is_not_replaced_by_a_file(folder: Folder, path: str) -> None:
    with pytest.raises(NotAllowed, match="is a folder"):
        folder.replace(path, b"x")


def test_what_may_be_read_is_not_written(folder: Folder) -> None:
    with pytest.raises(NotAllowed, match="may only be read"):
        Folder("notes", folder.path).replace("a.md", b"x")

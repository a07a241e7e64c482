"""A checkpoint is whole or not there, and there are never too many."""

import errno
from pathlib import Path
from typing import BinaryIO

import pytest

from tinderbox.errors import NoRoom
from tinderbox.train.checkpoint import list_checkpoints, save, step_of


def written(text: bytes) -> "Writing":
    return Writing(text)


class Writing:
    """Writes its bytes; with an error, ends with that in the midst of them."""

    def __init__(self, text: bytes, error: Exception | None = None) -> None:
        self.text = text
        self.error = error

    def __call__(self, file: BinaryIO) -> None:
        file.write(self.text)
        if self.error:
            raise self.error


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (10, 20, 100):
        save(tmp_path / "c", step, written(b"x"), keep=2)

    assert [step_of(path) for path in list_checkpoints(tmp_path / "c")] == [20, 100]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("write failed")])
def test_a_full_disk_leaves_the_one_before_and_says_so(tmp_path: Path, error: Exception) -> None:
    save(tmp_path, 10, written(b"whole"), keep=1)

    with pytest.raises(NoRoom, match="The checkpoint of step 20 could not be written"):
        save(tmp_path, 20, Writing(b"half", error), keep=1)

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"whole"]


def test_what_a_killed_run_left_half_written_is_swept(tmp_path: Path) -> None:
    (tmp_path / "step-00000020.unfinished").write_bytes(b"half")

    save(tmp_path, 10, written(b"whole"), keep=2)

    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010.pt"]

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tinderbox.models.content import digest, share_or_copy


def test_a_digest_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"tinder" * 1_000_000)
    told: list[int] = []

    assert digest(path, told.append) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told[-1] == 6_000_000


def test_a_shared_file_reads_the_same(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"steel")

    share_or_copy(source, target)

    assert target.read_bytes() == b"steel"


MEMORY = Path("/dev/shm")


@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no second file system to copy to")
def test_another_disk_gets_a_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "a", MEMORY / f"tinderbox-test-{os.getpid()}"
    source.write_bytes(b"flint")

    try:
        share_or_copy(source, target)

        assert target.read_bytes() == b"flint"
    finally:
        target.unlink(missing_ok=True)

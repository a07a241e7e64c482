"""Curves in TensorBoard's form, read back by its rules."""

import struct
from pathlib import Path

import pytest

from tinderbox.errors import TinderboxError
from tinderbox.jobs.tensorboard import _checksum, events, write_events

# The record that TensorBoard 2.21 writes itself for the event {wall_time: 1.5, file_version: "brain.Event:2"}.
FIRST = bytes.fromhex("1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c")


def test_the_first_record_is_the_one_that_tensorboard_writes() -> None:
    assert events({}, 1.5) == FIRST


def test_each_point_is_a_record_with_its_step_name_and_value() -> None:
    record = events({"loss": [(300, 0.5)]}, 1.5)[len(FIRST) :]

    (length,) = struct.unpack("<Q", record[:8])
    body = record[12 : 12 + length]
    assert struct.unpack("<I", record[8:12]) == (_checksum(record[:8]),)
    assert record[12 + length :] == struct.pack("<I", _checksum(body))
    assert body == b"\x09" + struct.pack("<d", 1.5) + b"\x10\xac\x02*\r\n\x0b\n\x04loss\x15" + struct.pack("<f", 0.5)


def test_what_is_too_large_for_it_is_the_largest_there_is() -> None:
    assert events({"loss": [(1, 1e300)]}, 1.5) == events({"loss": [(1, 3.4028234e38)]}, 1.5)


def test_a_job_that_is_exported_again_has_one_file(tmp_path: Path) -> None:
    write_events(tmp_path / "run-1", {}, 1.5)

    path = write_events(tmp_path / "run-1", {"loss": [(1, 0.5)]}, 1.5)

    assert [found.name for found in path.parent.iterdir()] == ["events.out.tfevents.2.tinderbox"]


def test_a_folder_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(TinderboxError, match="run-1"):
        write_events(tmp_path / "file" / "run-1", {}, 1.5)

"""Measuring, in small: the figures only have to be of a machine that exists."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.machine.trees import linux
from tinderbox.machine.catalogue import find_box
from tinderbox.machine.measure import Measured, glance, measure, read_disk, read_memory, with_measured
from tinderbox.machine.probe import probe
from tinderbox.units import Figure, MiB

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="reads past the page cache as Unix does")
MEASURED = Measured(Figure(40e9, "measured"), Figure(3e9, "measured"))


def test_memory_is_read_at_a_speed_that_memory_has() -> None:
    found = read_memory(threads=1, block=16 * MiB, seconds=0.2)

    assert found.source == "measured"
    assert found.low is not None
    assert found.high is not None
    assert 1e8 < found.low <= found.value <= found.high < 1e13


def test_a_glance_leaves_nothing_in_the_process_that_asks() -> None:
    found = glance(threads=1, seconds=0.05)

    assert found.source == "measured"
    assert 1e8 < found.value < 1e13


def test_a_disk_is_read_at_a_speed_that_disks_have(tmp_path: Path) -> None:
    found = read_disk(tmp_path, size=8 * MiB, seconds=0.2)

    assert found is not None
    assert 1e6 < found.value < 1e12
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_gives_no_figure(tmp_path: Path) -> None:
    assert read_disk(tmp_path / "missing") is None


def test_measuring_keeps_to_its_time(tmp_path: Path) -> None:
    begun = time.perf_counter()

    measure(probe(), tmp_path, seconds=0.5, file=8 * MiB)

    assert time.perf_counter() - begun < 20


def test_a_processor_is_known_by_what_was_measured_of_it(tmp_path: Path) -> None:
    machine = probe(linux(tmp_path), "linux", list)

    assert with_measured(machine, MEASURED).bandwidth == MEASURED.memory_read


def test_graphics_keep_the_bandwidth_that_their_maker_states() -> None:
    spark = with_measured(find_box("dgx-spark"), MEASURED)

    assert spark.bandwidth == find_box("dgx-spark").bandwidth
    assert spark.disk_read == MEASURED.disk_read

"""What the system says, and how pressed that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinderbox.memory.pressure import Reading, level_of, read_memory, reserve_of
from tinderbox.units import GB, MiB

TOTAL = 100 * GB  # with a reserve of 3


@pytest.mark.parametrize(
    ("available", "level"), [(50 * GB, "calm"), (1.7 * GB, "ease"), (1.1 * GB, "shed"), (0.5 * GB, "save")]
)
def test_the_less_is_available_the_higher_the_level(available: float, level: str) -> None:
    assert level_of(Reading(TOTAL, int(available)), "calm") == level


def test_a_level_ends_only_when_it_is_well_over() -> None:
    barely = Reading(TOTAL, int(1.9 * GB))

    assert (level_of(barely, "calm"), level_of(barely, "ease")) == ("calm", "ease")


def test_tasks_that_wait_for_memory_count_where_little_is_left() -> None:
    assert level_of(Reading(TOTAL, 8 * GB, some=0.3), "calm") == "ease"
    assert level_of(Reading(TOTAL, 8 * GB, some=0.3, full=0.2), "calm") == "shed"


def test_tasks_that_wait_while_much_is_left_are_reading_a_file() -> None:
    assert level_of(Reading(TOTAL, 50 * GB, some=0.9, full=0.9), "calm") == "calm"


def test_the_reserve_is_three_per_cent_and_never_most_of_a_small_machine() -> None:
    assert [reserve_of(128 * GB), reserve_of(8 * GB), reserve_of(1 * GB)] == [3_840_000_000, 512 * MiB, 250_000_000]


def test_a_linux_tells_its_cache_and_its_waits(tmp_path: Path) -> None:
    (tmp_path / "proc/pressure").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal: 1000 kB\nMemAvailable: 600 kB\nBuffers: 5 kB\nCached: 90 kB\nSReclaimable: 5 kB\n"
    )
    (tmp_path / "proc/pressure/memory").write_text(
        "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n"
    )

    assert read_memory(tmp_path) == Reading(1_024_000, 614_400, 102_400, 0.125, 0.03)


def test_a_kernel_without_waits_leaves_them_unknown(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 600 kB\n")

    reading = read_memory(tmp_path)

    assert (reading.some, reading.full) == (None, None)

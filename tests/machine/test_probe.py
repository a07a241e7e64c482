"""What this machine is, told from trees as other machines show them and from answers that drivers give."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.machine.trees import ARM, amd, linux, write
from tinderbox.machine import cuda
from tinderbox.machine.machine import Family, MemoryKind
from tinderbox.machine.memory_info import page_cache
from tinderbox.machine.metal import NAMES
from tinderbox.machine.probe import probe
from tinderbox.units import GiB, MiB

NONE: list[cuda.Card] = []


@dataclass(frozen=True)
class Driver:
    """NVML in memory: cards with their memory, or None for one that has none of its own."""

    memories: tuple[tuple[int, int] | None, ...]
    names: tuple[str, ...]

    def count(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return self.names[index]

    def memory(self, index: int) -> tuple[int, int] | None:
        return self.memories[index]

    def driver(self) -> str:
        return "580.95"


def cards(*found: tuple[str, tuple[int, int] | None]) -> list[cuda.Card]:
    driver = Driver(tuple(memory for _, memory in found), tuple(name for name, _ in found))
    return cuda.cards(lambda: driver)


def test_a_machine_without_graphics_computes_on_its_processor(tmp_path: Path) -> None:
    machine = probe(linux(tmp_path), "linux", lambda: NONE)

    assert (machine.family, machine.memory_kind) == (Family.CPU, MemoryKind.HOST)
    assert (machine.processor.cores, machine.processor.threads) == (2, 3)
    assert {"avx2", "avx512", "avx512_vnni", "avx512_bf16"} <= set(machine.processor.features)
    assert machine.bandwidth is None


def test_an_arm_processor_tells_its_own_instruction_sets(tmp_path: Path) -> None:
    processor = probe(linux(tmp_path, ARM), "linux", lambda: NONE).processor

    assert processor.features == ("neon", "dotprod", "i8mm", "sve", "sve2", "bf16")


def test_a_gb10_has_the_systems_memory_and_page_cache_counts_as_available(tmp_path: Path) -> None:
    machine = probe(
        linux(tmp_path, total=122 * GiB, available=100 * GiB), "linux", lambda: cards(("NVIDIA GB10", None))
    )

    assert (machine.family, machine.memory_kind) == (Family.GB10, MemoryKind.UNIFIED)
    assert [(pool.name, pool.total, pool.available) for pool in machine.pools] == [("unified", 122 * GiB, 100 * GiB)]
    assert machine.bandwidth is not None
    assert machine.bandwidth.value == 273e9


def test_a_card_with_its_own_memory_is_a_pool_beside_the_hosts(tmp_path: Path) -> None:
    card = ("NVIDIA GeForce RTX 4090", (24 * GiB, 22 * GiB))

    machine = probe(linux(tmp_path), "linux", lambda: cards(card, card))

    assert (machine.family, machine.memory_kind) == (Family.CUDA, MemoryKind.DISCRETE)
    assert [pool.name for pool in machine.pools] == ["gpu0", "gpu1", "host"]
    assert machine.capacity == 44 * GiB
    assert machine.bandwidth is not None
    assert machine.bandwidth.value == 1008e9


def test_a_card_that_the_catalogue_does_not_know_has_no_stated_bandwidth(tmp_path: Path) -> None:
    machine = probe(linux(tmp_path), "linux", lambda: cards(("NVIDIA T4", (16 * GiB, 15 * GiB))))

    assert machine.bandwidth is None


def test_a_strix_halo_reaches_the_systems_memory_through_its_tables(tmp_path: Path) -> None:
    machine = probe(amd(linux(tmp_path), vram=512 * MiB, gtt=120 * GiB), "linux", lambda: NONE)

    assert (machine.family, machine.memory_kind) == (Family.ROCM, MemoryKind.UNIFIED)
    assert machine.pool.total == 512 * MiB + 120 * GiB
    assert machine.pool.available == 312 * MiB + 100 * GiB
    assert machine.bandwidth is not None
    assert machine.bandwidth.value == 256e9


def test_an_amd_card_with_its_own_memory_is_discrete(tmp_path: Path) -> None:
    machine = probe(amd(linux(tmp_path), vram=24 * GiB, gtt=16 * GiB), "linux", lambda: NONE)

    assert machine.memory_kind is MemoryKind.DISCRETE
    assert machine.pool.total == 24 * GiB


def test_a_mac_lends_its_graphics_three_quarters_of_its_memory(tmp_path: Path) -> None:
    answers = dict(zip(NAMES, ("Apple M3 Ultra", str(512 * GiB), "32", "32", ""), strict=True))

    machine = probe(linux(tmp_path, available=500 * GiB), "darwin", lambda: NONE, answers.__getitem__)

    assert (machine.family, machine.pool.total) == (Family.METAL, 384 * GiB)
    assert machine.bandwidth is not None
    assert machine.bandwidth.value == 819e9


def test_a_limit_that_the_owner_of_a_mac_has_set_is_kept(tmp_path: Path) -> None:
    answers = dict(zip(NAMES, ("Apple M4 Max", str(128 * GiB), "16", "16", str(120 * 1024)), strict=True))

    machine = probe(linux(tmp_path, available=126 * GiB), "darwin", lambda: NONE, answers.__getitem__)

    assert machine.capacity == 120 * GiB


def test_a_control_group_limits_memory_and_processors_and_its_files_cache_counts_as_available(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/box/"
    root = write(
        linux(tmp_path),
        {
            "proc/self/cgroup": "0::/box\n",
            group + "memory.max": str(16 * GiB),
            group + "memory.current": str(6 * GiB),
            group + "memory.stat": f"anon 1\ninactive_file {2 * GiB}\nactive_file {1 * GiB}\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
        },
    )

    machine = probe(root, "linux", lambda: NONE)

    assert (machine.pool.total, machine.pool.available, page_cache(root)) == (16 * GiB, 13 * GiB, 3 * GiB)
    assert machine.processor.threads == 1


def test_a_control_group_of_the_first_kind_is_understood(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/a/b/"
    root = write(
        linux(tmp_path),
        {
            "proc/self/cgroup": "4:memory:/a/b\n3:cpuset:/\n",
            group + "memory.limit_in_bytes": str(2**63 - 4096),
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(8 * GiB),
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": str(1 * GiB),
        },
    )

    assert probe(root, "linux", lambda: NONE).pool.available == 7 * GiB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_is_told_in_a_few_milliseconds_and_can_be_printed() -> None:
    begun = time.process_time()

    machine = probe()

    assert time.process_time() - begun < 0.5
    assert json.loads(json.dumps(machine.as_json()))["pools"][0]["total"] == machine.pools[0].total
    assert machine.capacity > 0

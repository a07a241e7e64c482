"""`Machine`: what a box is made of, as far as fitting a model into it and its speed depend on it.

Made once, by `probe` for this machine or from the catalogue, and printable as JSON. Each figure says whether it is
measured or stated; what is not known is None.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tinderbox.units import Bytes, Figure


class MemoryKind(StrEnum):
    UNIFIED = "unified"  # one memory for processor and graphics
    DISCRETE = "discrete"  # each card has its own
    HOST = "host"  # no graphics processor that computes


class Family(StrEnum):
    """What computes: boxes of one family run the same kernels, and so share the constants of the speed model."""

    GB10 = "gb10"  # CUDA on unified memory
    CUDA = "cuda"  # cards with memory of their own
    ROCM = "rocm"  # AMD graphics on unified memory, by HIP or by Vulkan
    METAL = "metal"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Pool:
    """One memory: `available` is what is free for us now, which the catalogue cannot know."""

    name: str
    total: Bytes
    available: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Processor:
    """`features` are the instruction sets that matter for arithmetic, such as `avx2` or `sve`."""

    name: str | None = None
    cores: int | None = None
    threads: int | None = None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory: Bytes | None = None  # of its own; None where memory is unified
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """In US dollars: at launch, and the lowest and highest seen since."""

    launch: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def typical(self) -> float | None:
        known = [price for price in (self.low, self.launch, self.high) if price is not None]
        return known[0] if known else None


@dataclass(frozen=True, slots=True)
class Machine:
    """Bandwidths in bytes a second, `compute` in operations a second by number format, power in watts, mass in kg.

    `count` boxes are joined by a `link` of so many bytes a second; pools and figures are those of one of them.
    """

    id: str
    name: str
    family: Family
    memory_kind: MemoryKind
    pools: tuple[Pool, ...]
    processor: Processor = Processor()
    gpus: tuple[Gpu, ...] = ()
    bandwidth: Figure | None = None
    compute: dict[str, Figure] = field(default_factory=dict)
    disk_read: Figure | None = None
    link: Figure | None = None
    count: int = 1
    power: float | None = None
    price: Price = Price()
    mass: float | None = None
    maker: str | None = None
    chip: str | None = None
    aliases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pool(self) -> Pool:
        """The memory that models go into: the cards' where they have their own, else the only one."""
        cards = [pool for pool in self.pools if pool.name != "host"]
        if not cards:
            return self.pools[0]
        known = [pool.available for pool in cards if pool.available is not None]
        return Pool(
            "+".join(pool.name for pool in cards),
            sum(pool.total for pool in cards),
            sum(known) if len(known) == len(cards) else None,
        )

    @property
    def capacity(self) -> Bytes:
        """Bytes for models over all joined boxes: what is available where that is known, else the total."""
        pool = self.pool
        return self.count * (pool.total if pool.available is None else pool.available)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

"""`probe()`: what this machine is, told in a few milliseconds from what the system shows; nothing is measured here."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinderbox.machine import cpu, cuda, metal, rocm
from tinderbox.machine.catalogue import find_box
from tinderbox.machine.machine import Family, Gpu, Machine, MemoryKind, Pool, Processor
from tinderbox.machine.memory_info import host_pool
from tinderbox.units import Figure

# What a card or a board calls itself -> the box of the catalogue whose stated figures are its own.
_KNOWN = (
    ("GB10", "dgx-spark"),
    ("RTX PRO 6000 Blackwell Max-Q", "rtx-pro-6000-maxq"),
    ("RTX PRO 6000 Blackwell", "rtx-pro-6000"),
    ("RTX 5090", "rtx-5090"),
    ("RTX 4090", "rtx-4090"),
    ("RYZEN AI MAX+ 395", "framework-desktop"),
    ("Radeon 8060S", "framework-desktop"),
)


def probe(
    root: Path = Path("/"),
    system: str = sys.platform,
    nvidia: Callable[[], list[cuda.Card]] = cuda.cards,
    ask: Callable[[str], str] | None = None,
) -> Machine:
    """This machine. The arguments are where it looks: a tree with /proc and /sys, NVML, and sysctl."""
    if system == "darwin":
        return _mac(metal.mac(ask), host_pool(root))
    plain = _plain(root)
    if cards := nvidia():
        return _with_nvidia(plain, cards)
    if graphics := rocm.cards(root):
        return _with_amd(plain, graphics)
    return plain


def _plain(root: Path) -> Machine:
    processor = cpu.processor(root)
    compute = cpu.stated_compute(processor, cpu.clock(root))
    return Machine(
        id="this",
        name=_product(root) or processor.name or platform.machine(),
        family=Family.CPU,
        memory_kind=MemoryKind.HOST,
        pools=(host_pool(root),),
        processor=processor,
        compute={"bf16": Figure(compute, "stated")} if compute else {},
        chip=processor.name,
    )


def _with_nvidia(plain: Machine, cards: list[cuda.Card]) -> Machine:
    gpus = tuple(Gpu(card.name, card.total, card.driver) for card in cards)
    host = plain.pools[0]
    if all(card.is_unified for card in cards):
        unified = replace(host, name="unified")
        machine = replace(plain, family=Family.GB10, memory_kind=MemoryKind.UNIFIED, pools=(unified,), gpus=gpus)
    else:
        own = tuple(Pool(f"gpu{i}", card.total or 0, card.free) for i, card in enumerate(cards))
        machine = replace(plain, family=Family.CUDA, memory_kind=MemoryKind.DISCRETE, pools=(*own, host), gpus=gpus)
    return _with_stated(machine, cards[0].name)


def _with_amd(plain: Machine, cards: list[rocm.Card]) -> Machine:
    card, host = cards[0], plain.pools[0]
    gpus = (Gpu(card.name, None if card.is_unified else card.vram),)
    own = card.vram - card.vram_used
    if card.is_unified:
        reached = min(card.gtt - card.gtt_used, host.available or host.total)
        pool = Pool("unified", card.vram + min(card.gtt, host.total), own + reached)
        machine = replace(plain, family=Family.ROCM, memory_kind=MemoryKind.UNIFIED, pools=(pool,), gpus=gpus)
    else:
        pools = (Pool("gpu0", card.vram, own), host)
        machine = replace(plain, family=Family.ROCM, memory_kind=MemoryKind.DISCRETE, pools=pools, gpus=gpus)
    return _with_stated(machine, f"{card.name} {plain.processor.name}")


def _mac(found: metal.Mac, host: Pool) -> Machine:
    pool = Pool("unified", found.wired_limit, min(found.wired_limit, host.available or found.wired_limit))
    return Machine(
        id="this",
        name=found.chip,
        family=Family.METAL,
        memory_kind=MemoryKind.UNIFIED,
        pools=(pool,),
        processor=Processor(found.chip, found.cores, found.threads, ("neon",)),
        gpus=(Gpu(found.chip),),
        bandwidth=Figure(found.bandwidth, "stated") if found.bandwidth else None,
        chip=found.chip,
    )


def _with_stated(machine: Machine, words: str) -> Machine:
    """With the stated figures of the box in the catalogue that has the same chip, where there is one."""
    for part, box in _KNOWN:
        if part.lower() in words.lower():
            known = find_box(box)
            return replace(
                machine,
                name=known.name if machine.family is Family.GB10 else machine.name,
                bandwidth=known.bandwidth,
                compute=known.compute,
                link=known.link,
                power=known.power,
                chip=known.chip,
            )
    return machine


def _product(root: Path) -> str | None:
    path = root / "sys/class/dmi/id/product_name"
    try:
        return path.read_text().strip() or None
    except OSError:
        return None

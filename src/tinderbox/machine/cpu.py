"""The processor, out of what the system says of it: cores that we may use, and the instruction sets for arithmetic."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tinderbox.machine.machine import Processor

# As /proc/cpuinfo writes them -> as we call them.
_FLAGS = {
    "avx2": "avx2",
    "fma": "fma",
    "f16c": "f16c",
    "avx512f": "avx512",
    "avx512_vnni": "avx512_vnni",
    "avx_vnni": "avx_vnni",
    "avx512_bf16": "avx512_bf16",
    "amx_tile": "amx",
    "amx_int8": "amx_int8",
    "asimd": "neon",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "sve": "sve",
    "sve2": "sve2",
    "bf16": "bf16",
}
# Operations on 32-bit numbers that a core finishes in a cycle: lanes, two for a fused multiply-add, two units.
_PER_CYCLE = (("avx512", 64), ("avx2", 32), ("sve2", 16), ("neon", 16))


def processor(root: Path = Path("/")) -> Processor:
    """Of a Linux tree at `root`; elsewhere what Python knows."""
    info = root / "proc/cpuinfo"
    if not info.is_file():
        return Processor(platform.processor() or None, os.cpu_count(), os.cpu_count(), ())
    blocks = [_fields(block) for block in info.read_text(errors="replace").split("\n\n") if block.strip()]
    blocks = [block for block in blocks if "processor" in block]
    first = blocks[0] if blocks else {}
    flags = set((first.get("flags") or first.get("Features") or "").split())
    threads = min(len(blocks) or 1, allowed_cpus(root) or len(blocks) or 1)
    return Processor(
        first.get("model name") or _device_tree_name(root),
        min(_physical(blocks), threads),
        threads,
        tuple(name for flag, name in _FLAGS.items() if flag in flags),
    )


def allowed_cpus(root: Path = Path("/")) -> int | None:
    """Whole processors that the control group grants, at least one; None where it does not limit them."""
    for path in ("sys/fs/cgroup/cpu.max", "sys/fs/cgroup/cpu/cpu.cfs_quota_us"):
        words = _read(root / path).split()
        if not words:
            continue
        period = words[1] if len(words) > 1 else _read(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us") or "100000"
        if words[0].isdigit():
            return max(1, int(words[0]) // int(period))
    return None


def stated_compute(cpu: Processor, hertz: float | None) -> float | None:
    """Operations a second on 32-bit numbers that the cores would reach at that clock."""
    rate = next((rate for name, rate in _PER_CYCLE if name in cpu.features), None)
    if rate is None or cpu.cores is None or not hertz:
        return None
    return float(cpu.cores * rate * hertz)


def clock(root: Path = Path("/")) -> float | None:
    """The highest clock in hertz that the first core states, else the one it runs at."""
    text = _read(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    if text.isdigit():
        return int(text) * 1e3
    for line in _read(root / "proc/cpuinfo").splitlines():
        if line.startswith("cpu MHz"):
            return float(line.split(":")[1]) * 1e6
    return None


def _fields(block: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _physical(blocks: list[dict[str, str]]) -> int:
    cores = {(block.get("physical id"), block["core id"]) for block in blocks if "core id" in block}
    return len(cores) or len(blocks) or 1


def _device_tree_name(root: Path) -> str | None:
    return _read(root / "proc/device-tree/model").rstrip("\x00") or None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""

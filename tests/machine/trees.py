"""Trees of /proc and /sys as machines show them, written into a folder."""

from __future__ import annotations

from pathlib import Path

from tinderbox.units import GiB, MiB

CPUINFO = """processor\t: 0
model name\t: AMD Ryzen AI Max+ 395
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse2 avx2 fma f16c avx512f avx512_vnni avx512_bf16

processor\t: 1
model name\t: AMD Ryzen AI Max+ 395
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse2 avx2 fma f16c avx512f avx512_vnni avx512_bf16

processor\t: 2
model name\t: AMD Ryzen AI Max+ 395
physical id\t: 0
core id\t\t: 1
flags\t\t: fpu sse2 avx2 fma f16c avx512f avx512_vnni avx512_bf16
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp sve sve2 i8mm bf16\n\nprocessor\t: 1\nFeatures\t: fp asimd\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def linux(root: Path, cpuinfo: str = CPUINFO, total: int = 128 * GiB, available: int = 100 * GiB) -> Path:
    """A machine with no more than a processor and memory, of which a tenth of what is available is free."""
    meminfo = "".join(
        f"{name}: {count // 1024} kB\n"
        for name, count in (("MemTotal", total), ("MemFree", available // 10), ("MemAvailable", available))
    )
    return write(root, {"proc/cpuinfo": cpuinfo, "proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n"})


def amd(root: Path, vram: int, gtt: int) -> Path:
    device = "sys/class/drm/card1/device/"
    return write(
        root,
        {
            device + "vendor": "0x1002\n",
            device + "device": "0x1586\n",
            device + "mem_info_vram_total": f"{vram}\n",
            device + "mem_info_vram_used": f"{200 * MiB}\n",
            device + "mem_info_gtt_total": f"{gtt}\n",
            device + "mem_info_gtt_used": "0\n",
        },
    )

"""How much memory there is and how much of it is really available to us, by the system and by the control group."""

from __future__ import annotations

from pathlib import Path

from tinderbox.machine.machine import Pool
from tinderbox.units import Bytes

_NO_LIMIT = 2**60  # control groups of the first kind write "none" as a number near 2**63


def host_pool(root: Path = Path("/"), name: str = "host") -> Pool:
    """Of a Linux tree at `root`, by MemAvailable: page cache that can be dropped counts as available. Elsewhere by
    psutil."""
    info = _meminfo(root)
    if not info:
        import psutil

        memory = psutil.virtual_memory()
        return Pool(name, memory.total, memory.available)
    total, available = info["MemTotal"], info.get("MemAvailable", info.get("MemFree", 0))
    limit, used = control_group(root)
    if limit is not None and limit < total:
        return Pool(name, limit, max(0, min(available, limit - used)))
    return Pool(name, total, available)


def control_group(root: Path = Path("/")) -> tuple[Bytes | None, Bytes]:
    """The tightest limit on the way up from our group, and what counts against it: use without droppable cache."""
    tightest: tuple[Bytes | None, Bytes] = (None, 0)
    for folder, limit_file, use_file, cache in _groups(root):
        limit = _number(folder / limit_file)
        if limit is not None and limit < min(_NO_LIMIT, tightest[0] or _NO_LIMIT):
            used = (_number(folder / use_file) or 0) - _statistic(folder / "memory.stat", cache)
            tightest = (limit, max(0, used))
    return tightest


def _groups(root: Path) -> list[tuple[Path, str, str, str]]:
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, files = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = base / path.strip("/")
        found += [(step, *files) for step in (folder, *folder.parents) if step == base or base in step.parents]
    return found


def _meminfo(root: Path) -> dict[str, Bytes]:
    lines = (line.split() for line in _read(root / "proc/meminfo").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1 and words[1].isdigit()}


def _statistic(path: Path, name: str) -> Bytes:
    for line in _read(path).splitlines():
        words = line.split()
        if words and words[0] == name:
            return int(words[1])
    return 0


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

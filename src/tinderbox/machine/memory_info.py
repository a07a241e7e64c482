"""How much memory there is and how much of it is really available to us, by the system and by the control group."""

from __future__ import annotations

from dataclasses import dataclass
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
    group = control_group(root)
    if group is not None and group.limit < total:
        return Pool(name, group.limit, max(0, min(available, group.limit - group.used)))
    return Pool(name, total, available)


def page_cache(root: Path = Path("/")) -> Bytes | None:
    """What is kept of files, in the control group that limits us or else on the machine; None where no Linux tells."""
    info = _meminfo(root)
    if not info:
        return None
    group = control_group(root)
    if group is not None and group.limit < info["MemTotal"]:
        return group.cache
    return sum(info.get(name, 0) for name in ("Cached", "SReclaimable", "Buffers"))


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """A limit, what counts against it, and the files' cache beside that, which is dropped when its room is needed."""

    limit: Bytes
    used: Bytes
    cache: Bytes


def control_group(root: Path = Path("/")) -> ControlGroup | None:
    """The one with the tightest limit on the way up from ours; None where none has a limit."""
    tightest = None
    for folder, limit_file, use_file, caches in _groups(root):
        limit = _number(folder / limit_file)
        if limit is not None and limit < (tightest.limit if tightest else _NO_LIMIT):
            cache = sum(_statistic(folder / "memory.stat", name) for name in caches)
            used = (_number(folder / use_file) or 0) - cache
            tightest = ControlGroup(limit, max(0, used), cache)
    return tightest


def _groups(root: Path) -> list[tuple[Path, str, str, tuple[str, ...]]]:
    """Each folder, with the names of its limit and its use, and those of its files' cache in its statistics: a file
    that is read twice is active, and can be dropped as well."""
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, files = root / "sys/fs/cgroup", ("memory.max", "memory.current")
            caches: tuple[str, ...] = ("inactive_file", "active_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            caches = ("total_inactive_file", "total_active_file")
        else:
            continue
        folder = base / path.strip("/")
        found += [(step, *files, caches) for step in (folder, *folder.parents) if step == base or base in step.parents]
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

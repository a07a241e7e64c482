"""The memory as the box tells it: figures that a test knows beforehand, at times that lie a known while back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

GB, MB = 10**9, 10**6
MODEL, OTHER = "smollm2:135m", "qwen2.5-coder:0.5b"
SIZES = {MODEL: 276 * MB, OTHER: 912 * MB, "run 2": 144 * MB}
TOTAL, OTHERS, RESERVE = 16 * GB, 5_200 * MB, 540 * MB
DECISIONS: tuple[tuple[str, str, int | None, str], ...] = (
    (OTHER, "granted", 912 * MB, "there was room"),
    (OTHER, "evicted", None, "to make room for smollm2:135m (276.0 MB); idle for 42 min 0 s"),
    (MODEL, "granted", 276 * MB, "after 1.2 s"),
)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="seconds")


def scripted_ps(
    ready: Mapping[str, str], pinned: Collection[str], waiting: list[dict[str, Any]], level: str
) -> dict[str, Any]:
    ours = sum(SIZES[name] for name in ready)
    pool = {
        "name": "unified",
        "capacity": TOTAL,
        "used_by_us": ours,
        "used_by_others": OTHERS,
        "free": TOTAL - OTHERS - RESERVE - ours,
        "pressure": 0.0 if level == "calm" else 0.23,
        "level": level,
        "page_cache": 3 * GB,
        "total": TOTAL,
        "reserve": RESERVE,
    }
    leases = [_lease(name, state, pinned=name in pinned) for name, state in ready.items()]
    return {"pool": [pool], "leases": leases, "waiting": waiting}


def scripted_wish(holder: str, wanted: int) -> dict[str, Any]:
    seen = {"since": ago(seconds=12), "deadline": ago(seconds=-48)}
    return {"holder": holder, "kind": "model", "wanted": wanted, "place": 1} | seen


def scripted_history() -> dict[str, Any]:
    """Half an hour: the second half with another model in memory."""
    return {"samples": [_sample(minutes / 6) for minutes in range(180, 0, -1)]}


def scripted_decisions(query: Mapping[str, str]) -> dict[str, Any]:
    asked = query.get("holder")
    told = [
        {"at": ago(minutes=9 - place), "what": what, "holder": holder, "size": size, "reason": reason}
        for place, (holder, what, size, reason) in enumerate(DECISIONS)
        if asked in (None, holder)
    ]
    return {"decisions": told}


def _sample(minutes: float) -> dict[str, Any]:
    ours = SIZES[OTHER] + SIZES[MODEL] if 9 < minutes < 20 else SIZES[MODEL]
    return {
        "at": ago(minutes=minutes),
        "ours": ours,
        "others": OTHERS,
        "free": TOTAL - OTHERS - RESERVE - ours,
        "pressure": 0.0,
    }


def _lease(name: str, state: str, *, pinned: bool) -> dict[str, Any]:
    return {
        "holder": name,
        "kind": "job" if name.startswith("run ") else "model",
        "predicted": SIZES[name] - 20 * MB,
        "measured": SIZES[name],
        "state": state,
        "busy": False,
        "pinned": pinned,
        "since": ago(minutes=8),
        "used": ago(minutes=4, seconds=10),
        "context": None if name.startswith("run ") else 4096,
        "parallel": 1,
    }

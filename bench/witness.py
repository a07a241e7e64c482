"""`Witness`: looks at a box twice a second, and keeps what must never be."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil

from tinderbox.units import Bytes

EVERY = 0.5  # seconds


@dataclass(slots=True)
class Witness:
    """`most` and `held` are the largest shares of the capacity that were granted and really held; `grown` is the
    largest share of its grant that a process held, and `who` that was."""

    address: str
    pid: int
    samples: int = 0
    most: float = 0.0
    held: float = 0.0
    grown: float = 0.0
    who: str = ""
    others: Bytes = 0
    levels: Counter[str] = field(default_factory=Counter)
    ready: frozenset[str] = frozenset()

    def is_loaded(self, model: str) -> bool:
        return model in self.ready

    async def watch(self) -> None:
        """Look until cancelled."""
        async with httpx2.AsyncClient(base_url=self.address, timeout=30) as client:
            while True:
                self.look((await client.get("/box/ps")).json())
                await asyncio.sleep(EVERY)

    def look(self, memory: dict[str, Any]) -> None:
        (pool,), leases = memory["pool"], memory["leases"]
        self.samples += 1
        self.levels[pool["level"]] += 1
        self.ready = frozenset(lease["holder"] for lease in leases if lease["state"] == "ready")
        granted = sum(max(lease["predicted"], lease["measured"] or 0) for lease in leases)
        self.most = max(self.most, granted / pool["capacity"])
        self.held = max(self.held, self._held() / pool["capacity"])
        self.others = max(self.others, pool["used_by_others"])
        for lease in leases:
            share = (lease["measured"] or 0) / lease["predicted"]
            if share > self.grown:
                self.grown, self.who = share, f"{lease['holder']}: {lease['measured']} of {lease['predicted']}"

    def _held(self) -> Bytes:
        """By all processes of the box's, as the system counts them."""
        held = 0
        for child in psutil.Process(self.pid).children(recursive=True):
            try:
                held += child.memory_info().rss
            except psutil.Error:
                continue  # it has ended meanwhile
        return held

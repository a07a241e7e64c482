"""`Lease`: one holder's share of the memory, granted before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinderbox.units import GB, Bytes

Kind = Literal["model", "job"]
LeaseState = Literal["loading", "ready", "closing", "leaving"]
_READ_RATE = 1 * GB  # bytes a second at which a model comes back whose load has not been timed


@dataclass(frozen=True, slots=True)
class Lease:
    """What `holder` was granted: `predicted` before it started, `measured` by the system since (None: unknown).

    `closing` still answers and takes no more; `leaving` frees its memory. Times are seconds of the ledger's clock:
    `since` the grant, `used` last, `gap` the usual time between two uses, `load_seconds` how long its start took.
    """

    holder: str
    kind: Kind
    predicted: Bytes
    measured: Bytes | None = None
    state: LeaseState = "loading"
    users: int = 0
    pinned: bool = False
    since: float = 0.0
    used: float = 0.0
    gap: float | None = None
    load_seconds: float | None = None
    ending: bool = False  # by force

    @property
    def held(self) -> Bytes:
        measured = self.measured or 0
        return measured if measured > self.predicted else self.predicted

    @property
    def busy(self) -> bool:
        return self.users > 0

    @property
    def may_leave(self) -> bool:
        """A model that nobody uses and nobody pinned; one that loads is about to answer."""
        return not self.users and not self.pinned and self.kind == "model" and self.state in ("ready", "closing")

    def worth(self, now: float) -> float:
        """What each byte of it saves when kept, in seconds of loading per second from now: the time that it takes to
        come back, over its bytes, over how long it will probably be until it is wanted again (its usual gap, or as
        long as it has been idle already)."""
        rate = self.load_seconds / (self.held or 1) if self.load_seconds else 1 / _READ_RATE
        return rate / max(1.0, now - self.used, self.gap or 0.0)

    def measuring(self, size: Bytes) -> Lease:
        """The same, measured anew: `replace` takes four times as long, and every lease is measured each second."""
        return Lease(
            self.holder,
            self.kind,
            self.predicted,
            size,
            self.state,
            self.users,
            self.pinned,
            self.since,
            self.used,
            self.gap,
            self.load_seconds,
            self.ending,
        )

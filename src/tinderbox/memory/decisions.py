"""`Decision`: what the ledger decided and why; `Minutes` keeps it so that it can be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tinderbox.errors import TinderboxError
from tinderbox.memory.event import Close, End, Evict, Grant, Instruction, Refuse, Reopen, Wait, Yield
from tinderbox.state import opened, writing

KEPT = 10_000  # decisions; the oldest go first
_VERBS: dict[type, str] = {
    Grant: "granted",
    Wait: "waits",
    Refuse: "refused",
    Evict: "evicted",
    Yield: "yielded",
    Close: "closed",
    Reopen: "reopened",
    End: "ended",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """At a time, something happened to a holder, for a reason; `size` is in bytes, None where none was asked for."""

    at: datetime
    what: str
    holder: str
    size: int | None
    reason: str


def as_decision(instruction: Instruction, at: datetime) -> Decision | None:
    """What there is to remember of an instruction; None for a use of what is there already."""
    if isinstance(instruction, Grant):
        if not instruction.size:
            return None
        return Decision(at, "granted", instruction.holder, instruction.size, instruction.reason)
    return Decision(at, _VERBS[type(instruction)], instruction.holder, None, instruction.reason)


def keep_decisions(home: Path, decisions: Sequence[Decision]) -> None:
    rows = [(d.at.isoformat(timespec="milliseconds"), d.what, d.holder, d.size, d.reason) for d in decisions]
    with opened(home) as db, writing(db):
        db.executemany("INSERT INTO decisions (at, what, holder, size, reason) VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("DELETE FROM decisions WHERE number <= (SELECT max(number) FROM decisions) - ?", [KEPT])


def read_decisions(home: Path, holder: str | None = None, limit: int = 20) -> list[Decision]:
    """The newest `limit` decisions, of one holder or of all, the oldest of them first."""
    with opened(home) as db:
        rows = db.execute(
            "SELECT at, what, holder, size, reason FROM decisions WHERE ?1 IS NULL OR holder = ?1 "
            "ORDER BY number DESC LIMIT ?2",
            [holder, limit],
        ).fetchall()
    return [Decision(datetime.fromisoformat(at), *rest) for at, *rest in reversed(rows)]


class Minutes:
    """Writes down what was decided, in a thread and in the order of the decisions."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._unwritten: list[Decision] = []
        self._task: asyncio.Task[None] | None = None

    def take(self, decision: Decision) -> None:
        self._unwritten.append(decision)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def end(self) -> None:
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._unwritten:
            taken, self._unwritten = self._unwritten, []
            with suppress(TinderboxError):  # a full disk, or a state that is busy: a reason is lost, no work
                await asyncio.to_thread(keep_decisions, self._home, taken)

"""`Turns`: one model's slots, shared fairly among those who ask."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most `slots` have a turn at once. Of the owners who wait, the one with the fewest turns is next, and of those
    the one whose last turn is longest ago: nobody gets more of a model by asking more often. One owner's questions are
    served in their order.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._running: Counter[str] = Counter()
        self._served: dict[str, int] = {}
        self._count = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def take(self, owner: str) -> AsyncIterator[None]:
        """A turn until the block ends."""
        await self._wait(owner)
        try:
            yield
        finally:
            self._leave(owner)

    async def _wait(self, owner: str) -> None:
        if self._free:
            self._begin(owner)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(owner)  # it came just as its asker went away
            else:
                self._forget(owner, turn)
            raise

    def _begin(self, owner: str) -> None:
        self._free -= 1
        self._count += 1
        self._running[owner] += 1
        self._served[owner] = self._count

    def _leave(self, owner: str) -> None:
        self._free += 1
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]
        while self._waiting:
            following = min(self._waiting, key=lambda name: (self._running[name], self._served.get(name, 0)))
            turn = self._waiting[following][0]
            self._forget(following, turn)
            if not turn.done():  # else its asker is going away, and has not yet been told so
                self._begin(following)
                turn.set_result(None)
                return
        self._served = {name: self._served[name] for name in self._running}

    def _forget(self, owner: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(owner, deque())
        if turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[owner]

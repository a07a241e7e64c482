"""The pool: which models are loaded, which of them are answering, and how one comes and goes.

A model has one place at a time: loading, ready, leaving. Whoever asks for one that is loading waits for the same load;
one that is leaving is waited out and loaded anew. A place is busy while somebody uses it, and is not ended then unless
the patience that `stop` was given runs out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tinderbox.engines.engine import Engine, Settings
from tinderbox.errors import NotFound, TinderboxError, Unavailable
from tinderbox.memory import Lease, LeaseState, Room, admit
from tinderbox.units import Bytes

_CRASHES_FORGIVEN = 3  # within the window; then a model has to wait before it is loaded again
_CRASH_WINDOW = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Order:
    """What the pool is asked to load: the settings, and the memory that they are predicted to take."""

    settings: Settings
    predicted: Bytes


@dataclass(slots=True)
class _Place:
    order: Order
    engine: Engine
    state: LeaseState = "loading"
    users: int = 0
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    load: asyncio.Task[None] | None = None

    def lease(self) -> Lease:
        settings = self.order.settings
        return Lease(
            holder=settings.name,
            kind="model",
            predicted=self.order.predicted,
            measured=self.engine.measured(),
            state=self.state,
            busy=self.users > 0,
            pinned=False,
            since=self.since,
            context=settings.context,
            parallel=settings.parallel,
        )


class Pool:
    """The models at work. `order` turns a name into an Order (or NotFound); `start` makes an engine that is not loaded;
    `room` says what memory is left; `clock` gives seconds.
    """

    def __init__(
        self,
        order: Callable[[str], Order],
        start: Callable[[Settings], Engine],
        room: Callable[[list[Lease]], Room],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._order = order
        self._start = start
        self._room = room
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._crashes: dict[str, list[float]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._closing = False
        self.begun = 0  # uses since the start: who sees it move was not alone

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Engine]:
        """The model's engine, loaded if it was not, busy until the block ends."""
        place = await self._ready(name)
        place.users += 1
        self.begun += 1
        place.idle.clear()
        try:
            yield place.engine
        finally:
            place.users -= 1
            if not place.users:
                place.idle.set()

    async def load(self, name: str) -> Lease:
        return (await self._ready(name)).lease()

    async def stop(self, name: str, patience: float) -> None:
        """End a model once its answers have ended, or after `patience` seconds. Raises NotFound if it is not loaded."""
        name = self._order(name).settings.name
        place = self._places.get(name)
        if place is None:
            loaded = ", ".join(self._places) or "none"
            raise NotFound(f"{name} is not loaded.", f"Loaded: {loaded}.")
        await self._end(place, patience)

    def running(self) -> int:
        """Questions that are being answered now."""
        return sum(place.users for place in self._places.values())

    async def wait_gone(self, name: str, patience: float) -> None:
        """Return when the model that failed a request has left its place, or after `patience` seconds: its process may
        have ended without the pool knowing yet."""
        place = self._places.get(name) or self._places.get(self._order(name).settings.name)
        if place is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await place.gone.wait()

    def context(self, name: str) -> int | None:
        """The tokens of context of a loaded model's slot."""
        place = self._places.get(name)
        return place.order.settings.context if place else None

    def leases(self) -> list[Lease]:
        return [place.lease() for place in self._places.values()]

    def engines(self) -> list[tuple[Lease, Engine]]:
        """What is ready, for those who look after it."""
        return [(place.lease(), place.engine) for place in self._places.values() if place.state == "ready"]

    def room(self) -> Room:
        return self._room(self.leases())

    async def close(self) -> None:
        """End every model now; no process is left when this returns."""
        self._closing = True
        await asyncio.gather(*(self._end(place, patience=0) for place in list(self._places.values())))
        await asyncio.gather(*self._watchers)

    async def _ready(self, name: str) -> _Place:
        if (place := self._places.get(name)) and place.state == "ready":
            return place  # the hot path: no look into the store for a model that is at work
        order = self._order(name)
        key = order.settings.name
        while place := self._places.get(key):
            if place.state == "ready":
                return place
            if place.load is not None and place.state == "loading":
                # The load goes on for the others, and for the next one who asks, if this asker goes away.
                await asyncio.shield(place.load)
            else:
                await place.gone.wait()
        place = self._admit(order)
        place.load = asyncio.create_task(self._load(place))
        place.load.add_done_callback(_mark_seen)
        await asyncio.shield(place.load)
        return place

    def _admit(self, order: Order) -> _Place:
        """A place for a model that has none: the grant comes before the process (rule 1 of the memory)."""
        name = order.settings.name
        if self._closing:
            raise Unavailable("The box is stopping.", "Start it again with: tinderbox up")
        recent = [at for at in self._crashes.get(name, []) if self._clock() - at < _CRASH_WINDOW]
        if len(recent) >= _CRASHES_FORGIVEN:
            wait = int(_CRASH_WINDOW - (self._clock() - recent[0])) + 1
            raise Unavailable(f"{name} crashed {len(recent)} times in a minute.", f"Again in {wait} s.", wait)
        leases = self.leases()
        admit(name, order.predicted, self._room(leases), leases)
        place = self._places[name] = _Place(order, self._start(order.settings))
        place.idle.set()
        return place

    async def _load(self, place: _Place) -> None:
        try:
            await place.engine.load()
        except TinderboxError as error:
            self._remove(place)
            if place.state == "leaving":
                raise Unavailable(f"{place.order.settings.name} was stopped while it loaded.") from error
            raise
        place.state = "ready"
        watcher = asyncio.create_task(self._watch(place))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _watch(self, place: _Place) -> None:
        """Give back the place of an engine that ended by itself, so that the next request loads it again."""
        await place.engine.wait_ended()
        if place.state == "ready":
            self._crashes.setdefault(place.order.settings.name, []).append(self._clock())
            await place.engine.close()
            self._remove(place)

    async def _end(self, place: _Place, patience: float) -> None:
        if place.state == "leaving":
            await place.gone.wait()
            return
        loading, place.state = place.state == "loading", "leaving"
        if not loading and patience:
            try:
                async with asyncio.timeout(patience):
                    await place.idle.wait()
            except TimeoutError:
                pass  # what still answers gets an error event: the person who stopped it was told the deadline
        await place.engine.close()
        if place.load is not None:
            await asyncio.wait([place.load])
        self._remove(place)

    def _remove(self, place: _Place) -> None:
        place.gone.set()
        if self._places.get(place.order.settings.name) is place:
            del self._places[place.order.settings.name]


def _mark_seen(load: asyncio.Task[None]) -> None:
    """A load that fails after its last asker went away is no error of the event loop's."""
    if not load.cancelled():
        load.exception()

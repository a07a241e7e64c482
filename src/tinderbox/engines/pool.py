"""The pool: which models are at work, and how one comes and goes.

Whether one may come, and when one goes, the memory's ledger decides; a model's state is there. Whoever asks for one
that is loading waits for the same load; one that is on its way out is waited for and loaded anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tinderbox.engines.adapters import Adapted
from tinderbox.engines.engine import Answers, Engine, Settings
from tinderbox.engines.turns import Turns
from tinderbox.errors import BadRequest, NotFound, TinderboxError, Unavailable
from tinderbox.memory import Claim, Governor, Lease
from tinderbox.memory.event import Began, Finished, Leaving, Left, Loaded, Pinned, Wanted
from tinderbox.units import Bytes

_CRASHES_FORGIVEN = 3  # within the window; then a model has to wait before it is loaded again
_CRASH_WINDOW = 60.0  # seconds
_AS_LONG_AS_IT_TAKES = 7 * 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Order:
    """What the pool is asked to load: the settings, and the memory that they are predicted to take. `adapter` names
    that of the settings' adapters which was asked for."""

    settings: Settings
    predicted: Bytes
    embedding: Bytes = 0  # what it takes beyond that from the first text that it embeds
    adapter: str | None = None


@dataclass(slots=True)
class _Place:
    order: Order
    engine: Engine
    turns: Turns
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    growing: asyncio.Lock = field(default_factory=asyncio.Lock)
    load: asyncio.Task[None] | None = None
    end: asyncio.Task[None] | None = None
    adapters: dict[str, int] = field(default_factory=dict)  # by name, as the engine numbers them

    def __post_init__(self) -> None:
        self.adapters = {adapter.name: number for number, adapter in enumerate(self.order.settings.adapters)}

    @property
    def is_loaded(self) -> bool:
        return self.load is not None and self.load.done()


@dataclass(slots=True)
class _Wish:
    """One wait for memory, shared by all who ask for the same model."""

    task: asyncio.Task[None]
    askers: int = 0
    place: _Place | None = None


class Pool:
    """The models at work. `order` turns a name into an Order (or NotFound); `start` makes an engine that is not loaded;
    `governor` grants the memory; `wait` is the seconds that a request waits for it; `clock` gives seconds.
    """

    def __init__(
        self,
        order: Callable[[str], Order],
        start: Callable[[Settings], Engine],
        governor: Governor,
        *,
        wait: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._order = order
        self._start = start
        self.governor = governor
        self._wait = wait
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._wishes: dict[str, _Wish] = {}
        self._crashes: dict[str, list[float]] = {}
        self._pinned_again: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False
        self.begun = 0  # uses since the start: who sees it move was not alone

    @asynccontextmanager
    async def use(self, name: str, owner: str | None = None, *, embeds: bool = False) -> AsyncIterator[Answers]:
        """The model's engine, loaded if it was not, busy until the block ends; with the memory to embed texts.

        An `owner` waits for a turn among all who ask; without one the engine is not asked to compute.
        """
        async with self._busy(name) as (place, adapter):
            if embeds and adapter is not None:
                raise _embeds_nothing(name, place.order.settings.name)
            if embeds:
                await self._grow(place, place.order.predicted + place.order.embedding)
            engine = Adapted(place.engine, adapter) if place.order.settings.adapters else place.engine
            if owner is None:
                yield engine
                return
            async with place.turns.take(owner):
                yield engine

    async def load(self, name: str, *, pinned: bool | None = None) -> Lease:
        """Load it if it is not, and pin it or let it go where that is said."""
        async with self._busy(name) as (place, _):
            key = place.order.settings.name
            if pinned is not None:
                self.governor.tell(Pinned(key, pinned))
            return self.governor.ledger.leases[key]

    async def stop(self, name: str, patience: float) -> None:
        """End a model once its answers have ended, or after `patience` seconds. Raises NotFound if it is not loaded."""
        key = self._loaded_name(name)
        if key not in self._places:
            self._wishes.pop(key).task.cancel()
            return
        place = self._places[key]
        self.governor.tell(Leaving(place.order.settings.name))
        await asyncio.shield(self._ended(place, patience))

    def forget_adapter(self, name: str) -> None:
        """It was removed: nobody gets it any more, though its base may hold it until it leaves."""
        for place in self._places.values():
            place.adapters.pop(name, None)

    def running(self) -> int:
        """Questions that are being answered now."""
        return sum(place.users for place in self._places.values())

    def questions(self) -> dict[str, int]:
        """How many are answered now (`running`), and how many wait for a `slot`, a `load`, or `memory`."""
        count = {"running": 0, "slot": 0, "load": 0, "memory": sum(wish.askers for wish in self._wishes.values())}
        for place in self._places.values():
            answered = min(place.users, place.order.settings.parallel) if place.is_loaded else 0
            count["running"] += answered
            count["slot" if place.is_loaded else "load"] += place.users - answered
        return count

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
        found = self._find(name)
        return found[0].order.settings.context if found else None

    def settings(self, holder: str) -> Settings | None:
        """How a model that is at work was set up."""
        place = self._places.get(holder)
        return place.order.settings if place else None

    def engines(self) -> list[tuple[Lease, Engine]]:
        """What answers now, for those who look after it."""
        leases = self.governor.ledger.leases
        there = [(leases[key], place.engine) for key, place in self._places.items() if key in leases]
        return [(lease, engine) for lease, engine in there if lease.state in ("ready", "closing")]

    def leases(self) -> list[Lease]:
        """Of models and of everything else that holds memory."""
        return list(self.governor.ledger.leases.values())

    def turn_away(self) -> None:
        """The box begins to stop: what is loaded goes on answering, and nothing more is waited for."""
        self._closing = True
        for wish in list(self._wishes.values()):
            wish.task.cancel()

    async def close(self) -> None:
        """End every model now; no process is left when this returns."""
        self.turn_away()
        await asyncio.gather(*(self._ended(place, patience=0) for place in list(self._places.values())))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def _busy(self, name: str) -> AsyncIterator[tuple[_Place, int | None]]:
        place, adapter = await self._enter(name)
        try:
            await self._loaded(place)
            yield place, adapter
        finally:
            self._finish(place)

    def _find(self, name: str) -> tuple[_Place, int | None] | None:
        """Where a name is at work, and as which adapter, without a look into the store."""
        if place := self._places.get(name):
            return place, None
        place = self._places.get(name.rpartition("+")[0])
        return (place, place.adapters[name]) if place and name in place.adapters else None

    async def _enter(self, name: str) -> tuple[_Place, int | None]:
        """Where the model is at work, or begins to load, with this use begun; and the adapter that was meant."""
        if (found := self._find(name)) and self._is_open(found[0].order.settings.name):
            return self._begin(found[0]), found[1]  # the hot path
        order = self._order(name)
        key = order.settings.name
        while True:
            place = self._places.get(key) if self._is_open(key) else None
            begun = self._begin(place) if place else await self._granted(order)
            if begun is None:
                continue
            if order.adapter is None:
                return begun, None
            if order.adapter in begun.adapters:
                return begun, begun.adapters[order.adapter]
            await self._leave_for_adapter(begun)

    async def _leave_for_adapter(self, place: _Place) -> None:
        """End a use of a model that was loaded before the adapter that is wanted came: it is loaded anew with it, once
        its answers have ended."""
        key = place.order.settings.name
        try:
            await self._loaded(place)
        finally:
            self._finish(place)
        if self._places.get(key) is place and self._is_open(key):
            if self.governor.ledger.leases[key].pinned:
                self._pinned_again.add(key)
            self.governor.tell(Leaving(key))
            self._ended(place, patience=_AS_LONG_AS_IT_TAKES)

    def _is_open(self, key: str) -> bool:
        lease = self.governor.ledger.leases.get(key)
        return lease is not None and lease.state in ("loading", "ready")

    async def _granted(self, order: Order) -> _Place | None:
        """Wait for the memory together with all who want this model. The last who goes away ends the wait.

        Returns the place where this use has begun: it did with the grant, so that nobody else's wish could end the
        model before. None: look again.
        """
        key = order.settings.name
        wish = self._wishes.get(key)
        if wish is None:
            self._check_crashes(key)
            wish = self._wishes[key] = _Wish(self._keep(self._begin_load(order)))
        wish.askers += 1
        try:
            await asyncio.shield(wish.task)
            return wish.place
        except asyncio.CancelledError:
            if wish.place is not None:
                self._finish(wish.place)
            if wish.task.cancelled():
                raise _stopping() if self._closing else _stopped(key) from None
            raise
        finally:
            wish.askers -= 1
            if not wish.askers and not wish.task.done():
                self._wishes.pop(key)
                wish.task.cancel()

    async def _begin_load(self, order: Order) -> None:
        """The grant comes before the process (rule 1 of the memory)."""
        key = order.settings.name
        wanted = Wanted(key, order.predicted, patience=self._wait)
        try:
            await self.governor.grant(Claim(wanted, self._releaser(key), lambda: self._measured(key)))
            if key not in self._places:
                wish = self._wishes[key]
                wish.place = self._start_place(order)
                for _ in range(wish.askers):
                    self._begin(wish.place)
        finally:
            if key in self._wishes and self._wishes[key].task is asyncio.current_task():
                del self._wishes[key]

    def _start_place(self, order: Order) -> _Place:
        key = order.settings.name
        try:
            place = self._places[key] = _Place(order, self._start(order.settings), Turns(order.settings.parallel))
        except BaseException:
            self.governor.tell(Left(key))
            raise
        if key in self._pinned_again:
            self._pinned_again.remove(key)
            self.governor.tell(Pinned(key, True))
        place.idle.set()
        place.load = self._keep(self._load(place))
        return place

    def _releaser(self, key: str) -> Callable[[bool], None]:
        def release(force: bool) -> None:
            if place := self._places.get(key):
                self._ended(place, patience=0)

        return release

    def _measured(self, key: str) -> Bytes | None:
        place = self._places.get(key)
        return place.engine.measured() if place else None

    def _check_crashes(self, key: str) -> None:
        if self._closing:
            raise _stopping()
        recent = [at for at in self._crashes.get(key, []) if self._clock() - at < _CRASH_WINDOW]
        if len(recent) >= _CRASHES_FORGIVEN:
            wait = int(_CRASH_WINDOW - (self._clock() - recent[0])) + 1
            raise Unavailable(f"{key} crashed {len(recent)} times in a minute.", f"Again in {wait} s.", wait)

    async def _loaded(self, place: _Place) -> None:
        # The load goes on for the others, and for the next one who asks, if this asker goes away.
        if place.load is not None and not place.load.done():
            await asyncio.shield(place.load)
        elif place.load is not None:
            place.load.result()

    async def _grow(self, place: _Place, size: Bytes) -> None:
        """No cache grows before its lease (rule 1 of the memory)."""
        key = place.order.settings.name
        async with place.growing:
            lease = self.governor.ledger.leases.get(key)
            if lease is not None and lease.predicted < size:
                await self.governor.grow(Wanted(key, size, patience=self._wait, grows=True))
                place.engine.grant(size)

    def _begin(self, place: _Place) -> _Place:
        place.users += 1
        self.begun += 1
        place.idle.clear()
        self.governor.tell(Began(place.order.settings.name))
        return place

    def _finish(self, place: _Place) -> None:
        place.users -= 1
        if not place.users:
            place.idle.set()
        if not place.gone.is_set():
            self.governor.tell(Finished(place.order.settings.name))

    async def _load(self, place: _Place) -> None:
        started = self._clock()
        try:
            await place.engine.load()
        except TinderboxError as error:
            stopped = place.end is not None
            self._remove(place)
            if stopped:
                raise _stopped(place.order.settings.name) from error
            raise
        self.governor.tell(Loaded(place.order.settings.name, self._clock() - started))
        self.governor.look()  # measured beats predicted from now on
        self._keep(self._watch(place))

    async def _watch(self, place: _Place) -> None:
        """Give back the place of an engine that ended by itself, so that the next request loads it again."""
        await place.engine.wait_ended()
        if place.end is None:
            self._crashes.setdefault(place.order.settings.name, []).append(self._clock())
            await place.engine.close()
            self._remove(place)

    def _ended(self, place: _Place, patience: float) -> asyncio.Task[None]:
        """The end of a place, begun now if it was not before."""
        if not patience:
            place.hurry.set()
        if place.end is None:
            place.end = self._keep(self._end(place, patience))
        return place.end

    async def _end(self, place: _Place, patience: float) -> None:
        if place.load is None or place.load.done():
            # What still answers when it is over gets an error event: the person who stopped it was told the deadline.
            waits = [asyncio.create_task(event.wait()) for event in (place.idle, place.hurry)]
            await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        await place.engine.close()
        if place.load is not None:
            await asyncio.wait([place.load])
        self._remove(place)

    def _remove(self, place: _Place) -> None:
        key = place.order.settings.name
        place.gone.set()
        if self._places.get(key) is place:
            del self._places[key]
            self.governor.tell(Left(key))

    def _loaded_name(self, name: str) -> str:
        key = name if name in self._places else self._order(name).settings.name
        if key not in self._places and key not in self._wishes:
            loaded = ", ".join(self._places) or "none"
            raise NotFound(f"{key} is not loaded.", f"Loaded: {loaded}.")
        return key

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is not forgotten, and whose failure is no error of the event loop's where nobody waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_mark_seen)
        return task


def _embeds_nothing(name: str, base: str) -> BadRequest:
    return BadRequest(f"{name} embeds no texts: an adapter changes only what is said.", f"Ask {base}.", field="model")


def _stopped(key: str) -> Unavailable:
    return Unavailable(f"{key} was stopped before it had loaded.")


def _stopping() -> Unavailable:
    return Unavailable("The box is stopping.", "Start it again with: tinderbox up")


def _mark_seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()

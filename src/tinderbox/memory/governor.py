"""`Governor`: tells the ledger what happens, and carries out what it decides."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tinderbox.errors import DoesNotFit, TinderboxError, Unavailable
from tinderbox.memory.decisions import Decision, as_decision
from tinderbox.memory.event import (
    FOREVER,
    Cancelled,
    End,
    Event,
    Evict,
    Grant,
    Instruction,
    Left,
    Loaded,
    Measured,
    Pressed,
    Refuse,
    Ticked,
    Wanted,
    Yield,
)
from tinderbox.memory.ledger import Ledger, decide
from tinderbox.memory.pressure import Reading, level_of
from tinderbox.memory.room import Room, room_of
from tinderbox.units import Bytes

LOOK_EVERY = 1.0  # seconds between two looks at the machine
_SAMPLE_EVERY = 5.0  # seconds between two points of the history
_SAMPLES = 720  # an hour
_RETRY_AFTER = 5  # seconds


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody who asks for memory brings along. `release` begins to give it back, and returns at once; with True
    it does so by force. `measured` says what it holds now."""

    wanted: Wanted
    release: Callable[[bool], None]
    measured: Callable[[], Bytes | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory at a time, in bytes: what is drawn as its history."""

    at: datetime
    ours: Bytes
    others: Bytes
    free: Bytes
    pressure: float | None


class Governor:
    """Holds the ledger. `read` asks the machine, `clock` gives seconds that never go back, `record` is told what was
    decided."""

    def __init__(
        self,
        ledger: Ledger,
        read: Callable[[], Reading],
        clock: Callable[[], float] = time.monotonic,
        record: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        self.ledger = ledger
        self.samples: deque[Sample] = deque(maxlen=_SAMPLES)
        self.decided: Counter[str] = Counter()  # how often, by what was decided
        self._read = read
        self._clock = clock
        self._record = record
        self._events: deque[Event] = deque()
        self._deciding = False
        self._claims: dict[str, Claim] = {}
        self._waiting: dict[str, tuple[Claim, asyncio.Future[bool]]] = {}
        self._reading = read()
        self._sampled = float("-inf")

    async def grant(self, claim: Claim) -> None:
        """Return once the memory is there. Raises DoesNotFit where it never can be, Unavailable where too many wait, or
        the wait was too long."""
        await self._wait(claim, lost=Left(claim.wanted.holder))

    async def grow(self, wanted: Wanted) -> None:
        """The same for a holder that works already, and that somebody uses: it may hold `wanted.size` then."""
        if claim := self._claims.get(wanted.holder):
            await self._wait(replace(claim, wanted=wanted), lost=Ticked())

    async def _wait(self, claim: Claim, lost: Event) -> None:
        """`lost` is told where the grant comes just as its asker goes away."""
        holder = claim.wanted.holder
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[holder] = (claim, future)
        self.look()
        try:
            self.tell(claim.wanted)
            await future
        except asyncio.CancelledError:
            granted = future.done() and not future.cancelled() and not future.exception() and future.result()
            self.tell(lost if granted else Cancelled(holder))
            raise
        finally:
            self._waiting.pop(holder, None)

    @asynccontextmanager
    async def tenancy(
        self,
        holder: str,
        wanted: Bytes,
        on_yield: Callable[[], None],
        measured: Callable[[], Bytes | None] = lambda: None,
    ) -> AsyncIterator[None]:
        """Memory for a job until the block ends, which it should soon after `on_yield` was called. Waits as long as it
        takes; raises DoesNotFit where it never fits."""
        wanted_by_job = Wanted(holder, wanted, "job", FOREVER)
        await self.grant(Claim(wanted_by_job, lambda force: on_yield(), measured))
        self.tell(Loaded(holder))
        try:
            yield
        finally:
            self.tell(Left(holder))

    def tell(self, event: Event) -> None:
        """Decide, and act. What acting tells is heard after."""
        self._events.append(event)
        if self._deciding:
            return
        self._deciding = True
        try:
            while self._events:
                self._hear(self._events.popleft())
        finally:
            self._deciding = False

    def _hear(self, event: Event) -> None:
        if isinstance(event, Left):
            self._claims.pop(event.holder, None)
            if self.ledger.wishes:  # what it held while it ended was nobody's by the last look, and is free now
                self._decide(self._measure())
        self._decide(event)

    def _decide(self, event: Event) -> None:
        self.ledger, instructions = decide(self.ledger, event, self._clock())
        for instruction in instructions:
            self._act(instruction)

    def look(self) -> None:
        """Ask the machine and every holder, and tell the ledger."""
        self.tell(self._measure())
        level = level_of(self._reading, self.ledger.level)
        if level != self.ledger.level:
            self.tell(Pressed(level))

    def _measure(self) -> Measured:
        self._reading = reading = self._read()
        held = {holder: claim.measured() for holder, claim in self._claims.items()}
        known = {holder: size for holder, size in held.items() if size is not None}
        if reading.total != self.ledger.total:  # a control group's limit was changed under us
            self.ledger = replace(self.ledger, total=reading.total)
        return Measured(known, max(0, reading.total - reading.available - sum(known.values())))

    async def watch(self) -> None:
        """Look each second, until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(LOOK_EVERY)

    def tick(self) -> None:
        self.look()
        self.tell(Ticked())
        if self._clock() - self._sampled >= _SAMPLE_EVERY:
            self._sampled = self._clock()
            room = self.room()
            now = datetime.now(UTC)
            self.samples.append(Sample(now, room.used_by_us, room.used_by_others, room.free, room.pressure))

    def room(self) -> Room:
        return room_of(self.ledger, self._reading)

    def wall_time(self, seconds: float) -> datetime:
        """A time of the ledger's clock as a date; right even where the date was changed since."""
        return datetime.fromtimestamp(time.time() - (self._clock() - seconds), UTC)

    def _act(self, instruction: Instruction) -> None:
        holder = instruction.holder
        if decision := as_decision(instruction, datetime.now(UTC)):
            self.decided[decision.what] += 1
            self._record(decision)
        match instruction:
            case Grant(_, size):
                if waiting := self._waiting.get(holder):
                    claim, future = waiting
                    if size:
                        self._claims[holder] = claim
                    if not future.done():
                        future.set_result(bool(size))
            case Refuse():
                if (waiting := self._waiting.get(holder)) and not waiting[1].done():
                    waiting[1].set_exception(_as_error(instruction))
            case Evict() | Yield() | End():
                if tenant := self._claims.get(holder):
                    tenant.release(isinstance(instruction, End))


def _as_error(refusal: Refuse) -> TinderboxError:
    if refusal.why == "never":
        return DoesNotFit(refusal.reason, refusal.remedy)
    return Unavailable(refusal.reason, refusal.remedy, _RETRY_AFTER)

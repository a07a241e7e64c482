"""`decide`: every rule of the memory, as a pure function from what is known and what happened to what should be done.

1.  Nothing starts before its `Grant`, and the sum of what leases hold, each the larger of predicted and measured, never
    passes the capacity: the total less what others use less a reserve, and at most the limit.
2.  A model that is busy, loading or pinned is not evicted. Of the others the one leaves first that is worth least: the
    seconds that it takes to load again, over the bytes that it frees, over how long it will probably not be wanted
    (`Lease.worth`). None is evicted where that does not lead to a grant.
3.  People come first: jobs wait behind them, yield when the idle do not suffice, and let only what has been idle for a
    minute leave for them.
4.  Who waits is served in order. One that waits for what is busy lets smaller ones pass for ten seconds; then it closes
    what is in its way: that answers what it has, and takes no more.
5.  What can never fit is refused at once, and so is who finds the line full. Every person's wait has a deadline.
6.  Other programs come before ours: where they take half of the reserve, the idle leave and jobs yield. Pressure goes
    in steps: `ease` lets the idle go one by one, `shed` also has jobs yield and grants nothing, `save` ends the lowest
    tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import methodcaller

from tinderbox.memory.event import (
    Began,
    Cancelled,
    Close,
    End,
    Event,
    Evict,
    Finished,
    Grant,
    Instruction,
    Leaving,
    Left,
    Level,
    Loaded,
    Measured,
    Pinned,
    Pressed,
    Refuse,
    Reopen,
    Ticked,
    Wait,
    Wanted,
    Yield,
)
from tinderbox.memory.lease import Kind, Lease
from tinderbox.units import Bytes, format_bytes, format_duration

CLOSE_AFTER = 10.0  # seconds that one wish waits for what is busy before it closes it
JOB_PATIENCE = 60.0  # seconds that a model must have been idle to leave for a job
STEP = 2.0  # seconds between two steps against pressure: time enough to see what the last one did
_NAMED = 5  # holders in one sentence
_SMALLER = "A smaller context (--context), fewer slots (--parallel) or a smaller model would fit."


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody waits for memory since `asked`, until `deadline`."""

    holder: str
    size: Bytes
    kind: Kind
    asked: float
    deadline: float
    grows: bool = False  # the holder works already, and would hold `size` from now on


@dataclass(frozen=True, slots=True)
class Ledger:
    """One pool of memory, in bytes: `total` is what the machine has, `limit` the most that we may hold (None: no such),
    `reserve` what is left to the system, `idle` the seconds after which a model leaves by itself (None: never),
    `places` how many people may wait. `granted` is the sum that leases hold, `stepped` when pressure was acted upon.
    """

    total: Bytes
    limit: Bytes | None = None
    reserve: Bytes = 0
    idle: float | None = None
    places: int = 64
    others: Bytes = 0
    level: Level = "calm"
    leases: Mapping[str, Lease] = field(default_factory=dict)
    wishes: tuple[Wish, ...] = ()
    granted: Bytes = 0
    stepped: float = float("-inf")

    @property
    def ceiling(self) -> Bytes:
        """What could be granted if nothing else ran on this machine."""
        return min(self.total - self.reserve, self.total if self.limit is None else self.limit)

    @property
    def capacity(self) -> Bytes:
        return max(0, min(self.ceiling, self.total - self.others - self.reserve))

    @property
    def free(self) -> Bytes:
        return self.capacity - self.granted

    @property
    def excess(self) -> Bytes:
        """What we hold too much since others took half of the reserve, or a limit was passed; less than 0: nothing."""
        return self.granted - min(self.ceiling, self.total - self.others - self.reserve // 2)


def decide(ledger: Ledger, event: Event, now: float) -> tuple[Ledger, list[Instruction]]:
    """The ledger after `event`, and what to do, in order. `now` is in seconds of a clock that never goes back."""
    draft = _Draft(ledger, now)
    draft.hear(event)
    draft.settle(on_tick=isinstance(event, Ticked))
    if isinstance(event, Wanted):
        draft.seat(event.holder)
    return draft.ledger, draft.instructions


class _Draft:
    """A ledger on its way to the next, and the instructions so far."""

    def __init__(self, ledger: Ledger, now: float) -> None:
        self.leases = dict(ledger.leases)
        self.ledger = replace(ledger, leases=self.leases)
        self.now = now
        self.instructions: list[Instruction] = []

    def hear(self, event: Event) -> None:
        match event:
            case Wanted():
                self._want(event)
            case Cancelled(holder):
                self._forget({holder})
            case Measured(held, others):
                self.ledger = replace(self.ledger, others=others)
                self._measure(held)
            case Pressed(level):
                self.ledger = replace(self.ledger, level=level)
            case Ticked():
                pass
            case Left(holder):
                self._drop(holder)
            case _:
                self._touch(event)

    def settle(self, *, on_tick: bool) -> None:
        """Bring about what follows: the order of these lines is the order of the rules."""
        self._expire()
        self._reopen()
        self._relieve()
        if on_tick and self.ledger.idle is not None:
            self._retire(self.ledger.idle)
        if self.ledger.wishes and self.ledger.level in ("calm", "ease"):
            self._serve()

    def seat(self, holder: str) -> None:
        """Tell who asked, and was neither granted nor refused, its place in the line."""
        for place, wish in enumerate(self.ledger.wishes, start=1):
            if wish.holder == holder and wish.asked == self.now:
                self.instructions.append(Wait(holder, place, self._state_of_affairs()))

    # What an event changes.

    def _want(self, event: Wanted) -> None:
        lease = self.leases.get(event.holder)
        is_there = lease is not None and lease.state in ("loading", "ready")
        if is_there != event.grows or (lease is not None and is_there and lease.predicted >= event.size):
            self.instructions.append(Grant(event.holder))
            return
        if any(wish.holder == event.holder for wish in self.ledger.wishes):
            return
        if refusal := self._refusal(event):
            self.instructions.append(refusal)
            return
        wish = Wish(event.holder, event.size, event.kind, self.now, self.now + event.patience, event.grows)
        people = sum(wish.kind == "model" for wish in self.ledger.wishes)
        place = people if wish.kind == "model" else len(self.ledger.wishes)
        self.ledger = replace(self.ledger, wishes=(*self.ledger.wishes[:place], wish, *self.ledger.wishes[place:]))

    def _measure(self, held: Mapping[str, Bytes]) -> None:
        growth = 0
        for holder, size in held.items():
            lease = self.leases.get(holder)
            if lease is not None and lease.measured != size:
                self.leases[holder] = measured = lease.measuring(size)
                growth += measured.held - lease.held
        self.ledger = replace(self.ledger, granted=self.ledger.granted + growth)

    def _refusal(self, event: Wanted) -> Refuse | None:
        pins = [lease for lease in self.leases.values() if lease.pinned and lease.holder != event.holder]
        pinned = sum(lease.held for lease in pins)
        if event.size > self.ledger.ceiling - pinned:
            room = f"the box can grant {format_bytes(self.ledger.ceiling)}"
            held = f", of which {_named(pins)} is pinned" if pins else ""
            would_fit = pins and event.size <= self.ledger.ceiling
            remedy = f"Unpin: tinderbox pin --off {pins[0].holder}" if would_fit else _SMALLER
            return Refuse(
                event.holder, "never", f"{event.holder} needs {format_bytes(event.size)}; {room}{held}.", remedy
            )
        people = sum(wish.kind == "model" for wish in self.ledger.wishes)
        if event.kind == "model" and people >= self.ledger.places:
            reason = f"{event.holder} cannot wait for memory: {self.ledger.places} others do already."
            return Refuse(event.holder, "full", reason, "Ask again when they have been served.")
        return None

    def _touch(self, event: Began | Finished | Loaded | Leaving | Pinned) -> None:
        lease = self.leases.get(event.holder)
        if lease is None:
            return
        match event:
            case Began():
                since_last = self.now - lease.used
                gap = since_last if lease.gap is None else 0.7 * lease.gap + 0.3 * since_last
                self._put(replace(lease, users=lease.users + 1, used=self.now, gap=gap))
            case Finished():
                self._put(replace(lease, users=max(0, lease.users - 1), used=self.now))
            case Loaded(_, seconds):
                if lease.state == "loading":
                    self._put(replace(lease, state="ready", used=self.now, load_seconds=seconds or None))
            case Leaving():
                self._put(replace(lease, state="leaving"))
                self._grow_no_more(event.holder)
            case Pinned(_, on):
                state = "ready" if lease.state == "closing" and on else lease.state
                self._put(replace(lease, pinned=on, state=state))

    # What follows.

    def _expire(self) -> None:
        late = [wish for wish in self.ledger.wishes if self.now >= wish.deadline]
        for wish in late:
            waited = format_duration(self.now - wish.asked)
            reason = f"{wish.holder} waited {waited} for {format_bytes(wish.size)}: {self._state_of_affairs()}."
            self.instructions.append(Refuse(wish.holder, "late", reason, "Ask again later, or stop what it waits for."))
        self._forget({wish.holder for wish in late})

    def _reopen(self) -> None:
        """What was closed for one that is served or gone by now may go on, and whoever waits for it need not."""
        closing = [lease for lease in self.leases.values() if lease.state == "closing"]
        if closing and not any(self._closes(wish) for wish in self.ledger.wishes):
            for lease in closing:
                self._put(replace(lease, state="ready"))
                self.instructions.append(Reopen(lease.holder))
        for wish in self.ledger.wishes:
            if (own := self.leases.get(wish.holder)) and own.state == "ready" and not wish.grows:
                self._forget({wish.holder})
                self.instructions.append(Grant(wish.holder))

    def _closes(self, wish: Wish) -> bool:
        return wish.kind == "model" and wish.holder not in self.leases and self.now - wish.asked >= CLOSE_AFTER

    def _relieve(self) -> None:
        """Give way to other programs, and to pressure."""
        excess = self.ledger.excess
        if excess > 0 and (excess := excess - self._leaving()) > 0:
            for victim in _enough(excess, [*self._idle(), *self._jobs()]):
                self._release(victim, self._why_excess())
        if self.ledger.level == "calm":
            return
        if self.ledger.level != "ease":
            for job in self._jobs():
                self._release(job, "the machine is short of memory")
        if self.now - self.ledger.stepped >= STEP:
            self._step()

    def _why_excess(self) -> str:
        if self.ledger.granted > self.ledger.ceiling:
            return "models hold more than was predicted"
        return f"other programs hold {format_bytes(self.ledger.others)}"

    def _step(self) -> None:
        idle = self._idle()
        if self.ledger.level == "save" and (tenants := self._endable() or idle or self._rest()):
            self._put(replace(tenants[0], state="leaving", ending=True))
            self._grow_no_more(tenants[0].holder)
            self.instructions.append(End(tenants[0].holder, "the machine was about to freeze for want of memory"))
        elif idle:
            self._release(idle[0], "the machine is short of memory")
        else:
            return
        self.ledger = replace(self.ledger, stepped=self.now)

    def _retire(self, idle: float) -> None:
        for lease in self._idle(idle):
            self._release(lease, "nobody wanted it")

    def _serve(self) -> None:
        """Go along the line: grant, or make room, or wait. `free` is there now; `soon` when what leaves has left."""
        free, soon = self.ledger.free, self._leaving()
        blocked: Wish | None = None
        for wish in self.ledger.wishes:
            own = self.leases.get(wish.holder)
            if own is not None and not wish.grows:
                continue  # it is still on its way out
            size = wish.size - (own.held if own else 0)
            if blocked is not None:
                passes = wish.kind == "model" and self.now - blocked.asked < CLOSE_AFTER
                free -= self._grant(wish) if passes and size <= free else 0
                continue
            if size <= free:
                free -= self._grant(wish)
                continue
            soon += self._make_room(wish, size - free - soon)
            if size <= free + soon:
                soon, free = free + soon - size, 0
            else:
                blocked = wish
                self._close_for(wish, size - free - soon)

    def _make_room(self, wish: Wish, need: Bytes) -> Bytes:
        """Let enough leave for `need` bytes, or nothing at all. Returns the bytes that will be free."""
        candidates = self._idle(JOB_PATIENCE) if wish.kind == "job" else [*self._idle(), *self._jobs()]
        victims = _enough(need, candidates)
        freed = sum(victim.held for victim in victims)
        if freed < need:
            return 0
        for victim in victims:
            self._release(victim, f"to make room for {wish.holder} ({format_bytes(wish.size)})")
        return freed

    def _close_for(self, wish: Wish, need: Bytes) -> None:
        """What is busy and in the way of one that has waited long enough takes no more questions."""
        if not self._closes(wish):
            return
        busy = [m for m in self._tenants("model") if m.busy and m.state in ("ready", "closing") and not m.pinned]
        way = _enough(need, [*self._idle(), *self._jobs(), *sorted(busy, key=methodcaller("worth", self.now))])
        if sum(lease.held for lease in way) < need:
            return
        for lease in way:
            if lease.state == "ready" and lease.busy:
                self._put(replace(lease, state="closing"))
                self.instructions.append(Close(lease.holder, f"{wish.holder} has waited for it long enough"))

    # Who is who.

    def _tenants(self, kind: Kind) -> list[Lease]:
        return [lease for lease in self.leases.values() if lease.kind == kind]

    def _idle(self, seconds: float = 0.0) -> list[Lease]:
        """Those that may leave, the least worth first."""
        before = self.now - seconds
        idle = [lease for lease in self.leases.values() if lease.used <= before and lease.may_leave]
        return sorted(idle, key=methodcaller("worth", self.now))

    def _jobs(self) -> list[Lease]:
        """Those that can yield, the newest first: it loses least."""
        return sorted((job for job in self._tenants("job") if job.state == "ready"), key=lambda job: -job.since)

    def _endable(self) -> list[Lease]:
        return sorted((job for job in self._tenants("job") if not job.ending), key=lambda job: -job.since)

    def _rest(self) -> list[Lease]:
        """Every other model that could end: the least used first, what is pinned last."""
        models = [model for model in self._tenants("model") if model.state != "leaving"]
        return sorted(models, key=lambda model: (model.pinned, model.users, -model.since))

    def _leaving(self) -> Bytes:
        return sum(lease.held for lease in self.leases.values() if lease.state == "leaving")

    def _state_of_affairs(self) -> str:
        """What stands in the way of a grant."""
        leases = self.leases.values()
        leaving = [lease for lease in leases if lease.state == "leaving"]
        staying = [lease for lease in leases if lease.state != "leaving"]
        at_work = [lease for lease in staying if lease.users or lease.state == "loading" or lease.kind == "job"]
        pinned = [lease for lease in leases if lease.pinned and not lease.users]
        idle = [lease for lease in staying if not lease.users and lease.may_leave]
        parts = [f"{format_bytes(max(0, self.ledger.free))} of {format_bytes(self.ledger.capacity)} is free"]
        parts += [f"leaving: {_named(leaving)}"] if leaving else []
        parts += [f"at work: {_named(at_work)}"] if at_work else []
        parts += [f"pinned: {_named(pinned)}"] if pinned else []
        parts += [f"idle: {_named(idle)}"] if idle else []
        parts += [f"other programs hold {format_bytes(self.ledger.others)}"] if self.ledger.others else []
        return "; ".join(parts)

    # The only changes.

    def _grant(self, wish: Wish) -> Bytes:
        waited = self.now - wish.asked
        reason = f"after {format_duration(waited)}" if waited >= 0.1 else "there was room"
        self._forget({wish.holder})
        before = self.ledger.granted
        if wish.grows:
            self._put(replace(self.leases[wish.holder], predicted=wish.size))
        else:
            self._put(Lease(wish.holder, wish.kind, wish.size, since=self.now, used=self.now))
        self.instructions.append(Grant(wish.holder, wish.size, reason))
        return self.ledger.granted - before

    def _grow_no_more(self, holder: str) -> None:
        """Who wanted more of one that goes finds that out by itself."""
        if any(wish.holder == holder and wish.grows for wish in self.ledger.wishes):
            self._forget({holder})
            self.instructions.append(Grant(holder))

    def _release(self, lease: Lease, why: str) -> None:
        self._put(replace(lease, state="leaving"))
        if lease.kind == "job":
            self.instructions.append(Yield(lease.holder, why))
        else:
            self.instructions.append(Evict(lease.holder, f"{why}; idle for {format_duration(self.now - lease.used)}"))

    def _put(self, lease: Lease) -> None:
        before = self.leases.get(lease.holder)
        self.leases[lease.holder] = lease
        if delta := lease.held - (before.held if before else 0):
            self.ledger = replace(self.ledger, granted=self.ledger.granted + delta)

    def _drop(self, holder: str) -> None:
        self._grow_no_more(holder)
        if lease := self.leases.pop(holder, None):
            self.ledger = replace(self.ledger, granted=self.ledger.granted - lease.held)

    def _forget(self, holders: set[str]) -> None:
        if holders:
            kept = tuple(wish for wish in self.ledger.wishes if wish.holder not in holders)
            self.ledger = replace(self.ledger, wishes=kept)


def _enough(need: Bytes, candidates: Iterable[Lease]) -> list[Lease]:
    """The first of `candidates` that together hold `need` bytes (all, where that is less), without those that the later
    ones made needless."""
    chosen: list[Lease] = []
    left = need
    for lease in candidates:
        if left <= 0:
            break
        chosen.append(lease)
        left -= lease.held
    for lease in chosen[-2::-1] if left < 0 else ():
        if lease.held <= -left:
            chosen.remove(lease)
            left += lease.held
    return chosen


def _named(leases: Sequence[Lease]) -> str:
    names = ", ".join(f"{lease.holder} ({format_bytes(lease.held)})" for lease in leases[:_NAMED])
    return f"{names} and {len(leases) - _NAMED} more" if len(leases) > _NAMED else names

"""The rules hold whatever happens: a machine of states asks, answers, presses and ends at random."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tinderbox.memory.event import (
    FOREVER,
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
    Ticked,
    Wanted,
    Yield,
)
from tinderbox.memory.lease import Lease
from tinderbox.memory.ledger import Ledger, Wish, decide

MODELS = st.sampled_from([f"model {number}" for number in range(4)])
JOBS = st.sampled_from([f"run {number}" for number in range(2)])
HOLDERS = MODELS | JOBS
SIZES = st.integers(1, 60) | st.just(120)
PATIENCE = 60.0


class House(RuleBasedStateMachine):
    """100 bytes with a reserve of 10. What is granted loads, answers and leaves as the rules happen to be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(100, limit=85, reserve=10, idle=500.0, places=6)
        self.now = 0.0
        self.waiting: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        before = self.ledger
        self.ledger, instructions = decide(before, event, self.now)
        for instruction in instructions:
            self.check(instruction, before.leases.get(instruction.holder))
        self.check_grants(instructions)
        self.check_victims(instructions)

    def check(self, instruction: Instruction, lease: Lease | None) -> None:
        match instruction:
            case Evict():
                after = self.ledger.leases[instruction.holder]
                assert (after.pinned, after.users, after.kind) == (False, 0, "model")
            case Yield():
                assert lease is not None
                assert lease.kind == "job"
            case Close():
                assert lease is not None
                assert not lease.pinned
            case End():
                assert self.ledger.level == "save"
            case Grant() | Refuse():
                self.waiting.pop(instruction.holder, None)
            case _:
                pass

    def check_grants(self, instructions: list[Instruction]) -> None:
        sizes = {instruction.holder: instruction.size for instruction in instructions if isinstance(instruction, Grant)}
        granted = [
            holder for holder in sizes if sizes[holder] and sizes[holder] > (self.ledger.leases[holder].measured or 0)
        ]
        assert not granted or self.ledger.granted <= self.ledger.capacity
        assert not granted or self.ledger.level in ("calm", "ease")

    def check_victims(self, instructions: list[Instruction]) -> None:
        """What is let go to make room lets somebody in, once it has gone."""
        for_somebody = [i for i in instructions if isinstance(i, Evict | Yield) and i.reason.startswith("to make room")]
        leaving = sum(lease.held for lease in self.ledger.leases.values() if lease.state == "leaving")
        soon = self.ledger.free + leaving
        assert not for_somebody or any(self.lacks(wish) <= soon for wish in self.ledger.wishes)

    def lacks(self, wish: Wish) -> int:
        return wish.size - (self.ledger.leases[wish.holder].held if wish.grows else 0)

    @rule(holder=MODELS, size=SIZES)
    def a_person_asks(self, holder: str, size: int) -> None:
        self.waiting.setdefault(holder, self.now)
        self.tell(Wanted(holder, size, patience=PATIENCE))

    @rule(holder=JOBS, size=SIZES)
    def a_job_asks(self, holder: str, size: int) -> None:
        self.tell(Wanted(holder, size, "job", FOREVER))

    @rule()
    def whatever_loads_has_loaded(self) -> None:
        for lease in [lease for lease in self.ledger.leases.values() if lease.state == "loading"]:
            self.tell(Loaded(lease.holder, 1.0))

    @rule(holder=MODELS)
    def a_use_begins(self, holder: str) -> None:
        lease = self.ledger.leases.get(holder)
        if lease is not None and lease.state in ("loading", "ready"):
            self.tell(Began(holder))

    @rule(holder=MODELS, size=SIZES)
    def one_that_is_used_would_grow(self, holder: str, size: int) -> None:
        lease = self.ledger.leases.get(holder)
        if lease is not None and lease.state == "ready" and lease.users:
            self.waiting.setdefault(holder, self.now)
            self.tell(Wanted(holder, size, patience=PATIENCE, grows=True))

    @rule(holder=MODELS)
    def a_use_ends(self, holder: str) -> None:
        self.tell(Finished(holder))

    @rule(holder=HOLDERS)
    def it_is_stopped(self, holder: str) -> None:
        self.tell(Leaving(holder))

    @rule(holder=HOLDERS)
    def its_process_ends(self, holder: str) -> None:
        self.tell(Left(holder))

    @rule()
    def whatever_leaves_has_left(self) -> None:
        for lease in [lease for lease in self.ledger.leases.values() if lease.state == "leaving"]:
            self.tell(Left(lease.holder))

    @rule(holder=MODELS, on=st.booleans())
    def it_is_pinned(self, holder: str, on: bool) -> None:
        self.tell(Pinned(holder, on))

    @rule(holder=HOLDERS)
    def nobody_waits_for_it(self, holder: str) -> None:
        self.waiting.pop(holder, None)
        self.tell(Cancelled(holder))

    @rule(holder=HOLDERS, size=SIZES, others=st.integers(0, 60))
    def it_is_measured(self, holder: str, size: int, others: int) -> None:
        self.tell(Measured({holder: size}, others))

    @rule(level=st.sampled_from(["calm", "ease", "shed", "save"]))
    def the_machine_is_pressed(self, level: Level) -> None:
        self.tell(Pressed(level))

    @rule(seconds=st.floats(0.1, 100))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Ticked())

    @invariant()
    def the_sum_is_the_sum(self) -> None:
        assert self.ledger.granted == sum(lease.held for lease in self.ledger.leases.values())

    @invariant()
    def every_wait_of_a_person_ends(self) -> None:
        assert {wish.holder for wish in self.ledger.wishes if wish.kind == "model"} <= set(self.waiting)
        assert all(self.now - wish.asked < PATIENCE for wish in self.ledger.wishes if wish.kind == "model")

    @invariant()
    def people_stand_before_jobs(self) -> None:
        line = [wish.kind for wish in self.ledger.wishes]
        assert line == sorted(line, reverse=True)

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        anew = [wish.holder for wish in self.ledger.wishes if not wish.grows]
        waiting = [self.ledger.leases[holder] for holder in anew if holder in self.ledger.leases]
        assert all(lease.state in ("closing", "leaving") for lease in waiting)

    @invariant()
    def nobody_waits_for_what_is_free(self) -> None:
        """The first in the line has no room, unless nothing is granted under pressure."""
        first = next((wish for wish in self.ledger.wishes if wish.holder not in self.ledger.leases), None)
        if first is not None and self.ledger.level in ("calm", "ease"):
            assert first.size > self.ledger.free


House.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestHouse = House.TestCase

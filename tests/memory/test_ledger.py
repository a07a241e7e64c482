"""The rules of the memory, one sentence each: these tests are the specification of `decide`."""

from __future__ import annotations

from tests.memory.books import NOW, book, job, model, told
from tinderbox.memory.event import (
    FOREVER,
    Began,
    Cancelled,
    Close,
    End,
    Evict,
    Finished,
    Grant,
    Leaving,
    Left,
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
from tinderbox.units import GB


def wanted(holder: str, size: float, patience: float = 60.0) -> Wanted:
    return Wanted(holder, int(size * GB), patience=patience)


def more(holder: str, size: float, patience: float = 60.0) -> Wanted:
    return Wanted(holder, int(size * GB), patience=patience, grows=True)


def wanted_by_job(holder: str, size: float) -> Wanted:
    return Wanted(holder, int(size * GB), "job", FOREVER)


# Granting.


def test_what_fits_is_granted() -> None:
    ledger, instructions = told(book(10), wanted("chat", 6))

    assert instructions == [Grant("chat", 6 * GB)]
    assert (ledger.granted, ledger.leases["chat"].state) == (6 * GB, "loading")


def test_what_is_there_already_is_granted_for_nothing() -> None:
    _, instructions = told(book(10, model("chat", 6)), wanted("chat", 6))

    assert instructions == [Grant("chat", 0)]


def test_a_lease_counts_as_the_larger_of_predicted_and_measured() -> None:
    ledger, _ = told(book(10, model("chat", 6)), Measured({"chat": 7 * GB}, others=0))

    assert ledger.granted == 7 * GB


def test_what_a_model_measures_less_than_predicted_stays_granted() -> None:
    ledger, _ = told(book(10, model("chat", 6)), Measured({"chat": 2 * GB}, others=0))

    assert ledger.free == 4 * GB


def test_what_others_use_is_not_granted() -> None:
    _, instructions = told(book(10), Measured({}, others=5 * GB), wanted("chat", 6))

    assert instructions == [Wait("chat", 1)]


def test_the_reserve_is_not_granted() -> None:
    ledger = book(10, reserve=1 * GB)

    assert told(ledger, wanted("chat", 9))[1] == [Grant("chat", 9 * GB)]
    assert told(ledger, wanted("chat", 9.1))[1] == [Refuse("chat", "never")]


def test_a_limit_holds_where_the_machine_has_more() -> None:
    _, instructions = told(book(64, limit=8 * GB), wanted("chat", 9))

    assert instructions == [Refuse("chat", "never")]


# Growing.


def test_one_that_works_is_granted_more() -> None:
    ledger, instructions = told(book(10, model("chat", 6, users=1)), more("chat", 8))

    assert instructions == [Grant("chat", 8 * GB)]
    assert (ledger.granted, ledger.leases["chat"].state) == (8 * GB, "ready")


def test_the_idle_leave_for_one_that_grows() -> None:
    ledger, instructions = told(book(10, model("chat", 6, users=1), model("flux", 3)), more("chat", 8))
    assert instructions == [Evict("flux"), Wait("chat", 1)]

    assert told(ledger, Left("flux"))[1] == [Grant("chat", 8 * GB)]


def test_one_that_ends_before_it_could_grow_keeps_nobody_waiting() -> None:
    ledger, _ = told(book(10, model("chat", 6, users=1), model("busy", 3, users=1)), more("chat", 8))

    ledger, instructions = told(ledger, Left("chat"))

    assert instructions == [Grant("chat", 0)]
    assert (ledger.wishes, set(ledger.leases)) == ((), {"busy"})


def test_what_grows_is_refused_when_it_has_waited_too_long() -> None:
    ledger, _ = told(book(10, model("chat", 6, users=1), model("busy", 3, users=1)), more("chat", 8, patience=5))

    assert told(ledger, Ticked(), now=NOW + 5)[1] == [Refuse("chat", "late")]


# Leaving for others.


def test_the_idle_model_leaves_before_the_busy_one() -> None:
    ledger = book(10, model("chat", 6, users=1), model("flux", 3))

    _, instructions = told(ledger, wanted("train", 4))

    assert instructions == [Evict("flux"), Wait("train", 1)]


def test_the_grant_comes_when_the_memory_is_free() -> None:
    ledger, _ = told(book(10, model("flux", 8)), wanted("chat", 6))

    ledger, instructions = told(ledger, Left("flux"))

    assert instructions == [Grant("chat", 6 * GB)]


def test_a_model_that_loads_is_not_evicted() -> None:
    _, instructions = told(book(10, model("flux", 8, state="loading")), wanted("chat", 6))

    assert instructions == [Wait("chat", 1)]


def test_a_model_that_somebody_waits_for_is_not_evicted_when_it_has_loaded() -> None:
    ledger, _ = told(book(10), wanted("flux", 8), Began("flux"), wanted("chat", 6))

    _, instructions = told(ledger, Loaded("flux", 2.0))

    assert instructions == []


def test_it_leaves_when_it_has_answered() -> None:
    ledger, _ = told(book(10), wanted("flux", 8), Began("flux"), wanted("chat", 6), Loaded("flux"))

    _, instructions = told(ledger, Finished("flux"))

    assert instructions == [Evict("flux")]


def test_a_pin_holds() -> None:
    ledger, _ = told(book(10, model("a", 4), model("b", 4, idle=1)), Pinned("a"))

    _, instructions = told(ledger, wanted("chat", 4))

    assert instructions == [Evict("b"), Wait("chat", 1)]


def test_what_only_a_pin_keeps_out_is_refused_at_once() -> None:
    _, instructions = told(book(10, model("a", 6, pinned=True)), wanted("chat", 5))

    assert instructions == [Refuse("chat", "never")]


def test_nothing_is_evicted_in_vain() -> None:
    _, instructions = told(book(10, model("busy", 6, users=1), model("idle", 3)), wanted("chat", 5))

    assert instructions == [Wait("chat", 1)]


def test_no_more_is_evicted_than_is_needed() -> None:
    ledger = book(10, model("small", 1, idle=900), model("large", 8, idle=100))

    _, instructions = told(ledger, wanted("chat", 7))

    assert instructions == [Evict("large"), Wait("chat", 1)]


def test_of_two_alike_the_one_leaves_that_was_idle_longer() -> None:
    _, instructions = told(book(10, model("a", 5, idle=60), model("b", 5, idle=600)), wanted("chat", 5))

    assert instructions == [Evict("b"), Wait("chat", 1)]


def test_of_two_idle_as_long_the_one_leaves_that_is_back_sooner() -> None:
    ledger = book(10, model("slow", 5, load_seconds=50), model("quick", 5, load_seconds=2))

    _, instructions = told(ledger, wanted("chat", 5))

    assert instructions == [Evict("quick"), Wait("chat", 1)]


def test_a_model_that_is_wanted_often_stays_before_one_that_is_wanted_rarely() -> None:
    often, rarely = model("often", 5, idle=40), model("rarely", 5, idle=3600)
    ledger, _ = told(book(10, often, rarely), Began("often"), Finished("often"), Began("rarely"), Finished("rarely"))

    _, instructions = told(ledger, wanted("chat", 5), now=NOW + 1)

    assert instructions == [Evict("rarely"), Wait("chat", 1)]


def test_the_reason_says_for_whom_and_how_long_it_was_idle() -> None:
    _, instructions = told(book(10, model("qwen", 8, idle=42 * 60)), wanted("run 7", 3.1))

    assert instructions[0].reason == "to make room for run 7 (3.1 GB); idle for 42 min 0 s"


def test_an_idle_model_leaves_by_itself_where_that_is_wished() -> None:
    ledger = book(10, model("a", 2, idle=299), model("b", 2, idle=301), idle=300)

    _, instructions = told(ledger, Ticked())

    assert instructions == [Evict("b")]


def test_a_model_that_leaves_is_waited_out_by_who_wants_it() -> None:
    ledger, instructions = told(book(10, model("a", 4)), Leaving("a"), wanted("a", 4))

    assert instructions == [Wait("a", 1)]
    assert told(ledger, Left("a"))[1] == [Grant("a", 4 * GB)]


# Waiting.


def test_who_waits_is_served_in_order() -> None:
    ledger, _ = told(book(10, model("busy", 9, users=1)), wanted("first", 6), wanted("second", 6))

    _, instructions = told(ledger, Left("busy"))

    assert instructions == [Grant("first", 6 * GB)]


def test_a_small_one_may_pass_a_large_one_that_waits_for_what_is_busy() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8))

    assert told(ledger, wanted("small", 2), now=NOW + 5)[1] == [Grant("small", 2 * GB)]


def test_nobody_passes_one_that_has_waited_for_ten_seconds() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8))

    assert told(ledger, wanted("small", 2), now=NOW + 10)[1] == [Close("busy"), Wait("small", 2)]


def test_what_is_busy_without_a_pause_closes_for_one_that_has_waited_long_enough() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=2)), wanted("large", 8))

    ledger, instructions = told(ledger, Ticked(), now=NOW + 10)
    assert instructions == [Close("busy")]

    _, instructions = told(ledger, Finished("busy"), Finished("busy"), now=NOW + 12)
    assert instructions == [Evict("busy")]


def test_nothing_is_closed_in_vain() -> None:
    ledger, _ = told(book(10, model("busy", 3, users=1), model("pinned", 1, pinned=True)), wanted("large", 8))
    ledger, _ = told(ledger, Measured({}, others=2 * GB))

    assert told(ledger, Ticked(), now=NOW + 20)[1] == []


def test_what_was_closed_opens_again_when_nobody_waits_for_it() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8))
    ledger, _ = told(ledger, Ticked(), now=NOW + 10)

    _, instructions = told(ledger, Cancelled("large"), now=NOW + 11)

    assert instructions == [Reopen("busy")]


def test_who_wanted_what_was_closed_gets_it_when_it_opens() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8, patience=20))
    ledger, _ = told(ledger, Ticked(), now=NOW + 10)
    ledger, _ = told(ledger, wanted("busy", 7), now=NOW + 11)

    _, instructions = told(ledger, Ticked(), now=NOW + 21)

    assert instructions == [Refuse("large", "late"), Reopen("busy"), Grant("busy", 0)]


def test_every_wait_ends() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8, patience=30))

    ledger, instructions = told(ledger, Ticked(), now=NOW + 30)

    assert instructions[0] == Refuse("large", "late")
    assert ledger.wishes == ()


def test_a_refusal_says_what_stood_in_the_way() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1)), wanted("large", 8, patience=5))

    _, instructions = told(ledger, Measured({}, others=1 * GB), now=NOW + 5)

    assert instructions[0].reason == (
        "large waited 5.0 s for 8.0 GB: 2.0 GB of 9.0 GB is free; at work: busy (7.0 GB); other programs hold 1.0 GB."
    )


def test_a_full_line_takes_nobody() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1), places=1), wanted("a", 8))

    assert told(ledger, wanted("b", 8))[1] == [Refuse("b", "full")]


def test_jobs_take_no_place_from_people() -> None:
    ledger, _ = told(book(10, model("busy", 7, users=1), places=1), wanted_by_job("run 1", 8), wanted("a", 8))

    assert [wish.holder for wish in ledger.wishes] == ["a", "run 1"]


def test_who_goes_away_leaves_the_line() -> None:
    ledger, _ = told(book(10, model("busy", 9, users=1)), wanted("a", 6), wanted("b", 6), Cancelled("a"))

    assert told(ledger, Left("busy"))[1] == [Grant("b", 6 * GB)]


def test_what_other_programs_keep_out_waits_for_them() -> None:
    ledger, instructions = told(book(10), Measured({}, others=8 * GB), wanted("chat", 6))
    assert instructions == [Wait("chat", 1)]

    assert told(ledger, Measured({}, others=1 * GB))[1] == [Grant("chat", 6 * GB)]


def test_a_wait_names_all_that_holds_the_memory() -> None:
    ledger = book(10, model("idle", 4), model("kept", 3, pinned=True), job("run 1", 2))

    _, instructions = told(ledger, wanted_by_job("run 2", 5))

    assert instructions[0].reason == (
        "1.0 GB of 10.0 GB is free; at work: run 1 (2.0 GB); pinned: kept (3.0 GB); idle: idle (4.0 GB)"
    )


# Jobs.


def test_a_job_yields_to_a_person_when_the_idle_do_not_suffice() -> None:
    ledger = book(10, model("busy", 2, users=1), job("run 7", 5), model("idle", 1))

    _, instructions = told(ledger, wanted("chat", 4))

    assert instructions == [Yield("run 7"), Wait("chat", 1)]


def test_an_idle_model_leaves_before_a_job_yields() -> None:
    _, instructions = told(book(10, job("run 7", 5), model("idle", 4)), wanted("chat", 3))

    assert instructions == [Evict("idle"), Wait("chat", 1)]


def test_of_two_jobs_the_newer_yields() -> None:
    ledger = book(10, job("run 1", 5, since=100), job("run 2", 5, since=200))

    assert told(ledger, wanted("chat", 3))[1] == [Yield("run 2"), Wait("chat", 1)]


def test_a_job_waits_behind_every_person() -> None:
    ledger, _ = told(book(10, model("busy", 9, users=1)), wanted_by_job("run 1", 5), wanted("chat", 6))

    assert told(ledger, Left("busy"))[1] == [Grant("chat", 6 * GB)]


def test_a_job_lets_only_what_was_long_idle_leave() -> None:
    ledger = book(10, model("recent", 5, idle=10), model("old", 4, idle=100))

    assert told(ledger, wanted_by_job("run 1", 6))[1] == [Wait("run 1", 1)]
    assert told(ledger, wanted_by_job("run 1", 3))[1] == [Evict("old"), Wait("run 1", 1)]


def test_a_job_waits_without_a_deadline() -> None:
    ledger, _ = told(book(10, model("busy", 9, users=1)), wanted_by_job("run 1", 5))

    ledger, instructions = told(ledger, Ticked(), now=NOW + 1e6)

    assert (instructions, len(ledger.wishes)) == ([], 1)


def test_a_job_that_has_yielded_resumes_by_itself() -> None:
    ledger, _ = told(book(10, job("run 1", 6)), wanted("chat", 6), Left("run 1"), wanted_by_job("run 1", 6))

    assert told(ledger, Left("chat"))[1] == [Grant("run 1", 6 * GB)]


# Other programs and pressure.


def test_the_idle_leave_when_other_programs_take_half_of_the_reserve() -> None:
    ledger = book(10, model("idle", 4), model("busy", 4, users=1), reserve=1 * GB)

    assert told(ledger, Measured({}, others=int(1.4 * GB)))[1] == []
    assert told(ledger, Measured({}, others=int(1.6 * GB)))[1] == [Evict("idle")]


def test_no_more_leave_while_what_leaves_suffices() -> None:
    ledger, _ = told(book(10, model("a", 4, idle=99), model("b", 4)), Measured({}, others=3 * GB))

    assert told(ledger, Measured({}, others=3 * GB))[1] == []


def test_pressure_lets_the_idle_go_one_by_one() -> None:
    ledger, first = told(book(10, model("a", 1, idle=99), model("b", 1)), Pressed("ease"))

    assert first == [Evict("a")]
    assert told(ledger, Ticked(), now=NOW + 1)[1] == []
    assert told(ledger, Ticked(), now=NOW + 2)[1] == [Evict("b")]


def test_more_pressure_has_jobs_yield_and_grants_nothing() -> None:
    ledger, first = told(book(10, job("run 1", 2)), Pressed("shed"))

    assert first == [Yield("run 1")]
    assert told(ledger, wanted("chat", 1))[1] == [Wait("chat", 1)]


def test_what_waits_is_served_when_the_pressure_is_over() -> None:
    ledger, _ = told(book(10), Pressed("shed"), wanted("chat", 1))

    assert told(ledger, Pressed("calm"))[1] == [Grant("chat", 1 * GB)]


def test_before_the_machine_freezes_the_lowest_tenant_ends() -> None:
    ledger = book(10, model("busy", 2, users=1), model("idle", 2), job("run 1", 2))

    ledger, first = told(ledger, Pressed("save"))
    ledger, second = told(ledger, Ticked(), now=NOW + 2)
    ledger, third = told(ledger, Ticked(), now=NOW + 4)

    assert [*first, *second, *third] == [Yield("run 1"), End("run 1"), End("idle"), End("busy")]


def test_nothing_leaves_without_need() -> None:
    assert told(book(10, model("a", 5), model("b", 5)), Ticked())[1] == []


def test_a_decision_changes_no_earlier_ledger() -> None:
    before = book(10, model("a", 4))

    told(before, wanted("b", 8), Left("a"))

    assert (set(before.leases), before.leases["a"].state, before.wishes) == ({"a"}, "ready", ())

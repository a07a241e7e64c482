"""Who holds the memory, and who is let in."""

from datetime import UTC, datetime

import pytest

from tinderbox.errors import DoesNotFit
from tinderbox.memory import Lease, Room, admit, make_room
from tinderbox.units import GB

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def lease(holder: str, predicted: int, measured: int | None = None, busy: bool = False) -> Lease:
    return Lease(holder, "model", predicted, measured, "ready", busy, pinned=False, since=NOON)


def room(free: int) -> Room:
    return Room("unified", 16 * GB, 0, 0, free, pressure=None)


def test_a_lease_holds_the_larger_of_what_was_predicted_and_what_is_measured() -> None:
    assert (lease("a", 2 * GB, 3 * GB).held, lease("a", 2 * GB).held) == (3 * GB, 2 * GB)


def test_what_others_use_is_not_free() -> None:
    left = make_room(capacity=16 * GB, total=16 * GB, available=4 * GB, leases=[], pressure=None)

    assert left.used_by_others == 12 * GB
    assert left.free < 4 * GB


def test_what_was_granted_and_is_not_used_yet_is_not_free() -> None:
    loading = lease("big", predicted=10 * GB, measured=1 * GB)

    left = make_room(capacity=16 * GB, total=16 * GB, available=14 * GB, leases=[loading], pressure=None)

    assert left.free < 14 * GB - 9 * GB


def test_a_cap_on_the_box_holds_where_the_machine_has_more() -> None:
    left = make_room(capacity=4 * GB, total=64 * GB, available=60 * GB, leases=[lease("a", 3 * GB)], pressure=None)

    assert left.free == 1 * GB


def test_what_fits_is_let_in() -> None:
    admit("a", 2 * GB, room(free=2 * GB), leases=[])


def test_a_refusal_names_the_numbers_and_the_idle_that_could_leave() -> None:
    leases = [lease("idle", 3 * GB), lease("busy", 9 * GB, busy=True)]

    with pytest.raises(
        DoesNotFit, match=r"needs 4.0 GB; 2.0 GB of 16.0 GB is free. Stop what is idle: idle \(3.0 GB\)"
    ):
        admit("wanted", 4 * GB, room(free=2 * GB), leases)


def test_what_can_never_fit_is_told_how_to_become_smaller() -> None:
    with pytest.raises(DoesNotFit, match="smaller context"):
        admit("wanted", 400 * GB, room(free=2 * GB), leases=[])

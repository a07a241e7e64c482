"""`Room`: the parts of a pool, as they are shown."""

from tinderbox.memory.pressure import Reading
from tinderbox.memory.room import open_ledger, room_of
from tinderbox.units import GB


def test_the_parts_make_up_the_machine() -> None:
    reading = Reading(total=64 * GB, available=40 * GB)

    room = room_of(open_ledger(None, reading), reading)

    assert room.used_by_us + room.used_by_others + room.reserve + room.free == room.total == 64 * GB


def test_a_limit_leaves_a_part_that_is_nobodys() -> None:
    reading = Reading(total=64 * GB, available=40 * GB)

    room = room_of(open_ledger(10 * GB, reading), reading)

    assert (room.capacity, room.free, room.total) == (10 * GB, 10 * GB, 64 * GB)

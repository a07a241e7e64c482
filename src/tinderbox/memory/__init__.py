"""One budget of memory: `decide` grants, refuses and evicts; the `Governor` carries it out; a `Lease` is one holder's
share."""

from tinderbox.memory.governor import Claim, Governor, Sample
from tinderbox.memory.lease import Lease, LeaseState
from tinderbox.memory.ledger import Ledger, Wish, decide
from tinderbox.memory.pressure import Reading, read_memory
from tinderbox.memory.room import Room, admit, open_ledger

__all__ = [
    "Claim",
    "Governor",
    "Lease",
    "LeaseState",
    "Ledger",
    "Reading",
    "Room",
    "Sample",
    "Wish",
    "admit",
    "decide",
    "open_ledger",
    "read_memory",
]

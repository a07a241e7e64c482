"""What the ledger is told (`Event`), and what it answers should be done (`Instruction`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tinderbox.memory.lease import Kind
from tinderbox.units import Bytes

Level = Literal["calm", "ease", "shed", "save"]
Refusal = Literal["never", "full", "late"]
FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody asks for `size` bytes, and will wait `patience` seconds for them. A model is asked for by a person. One
    that `grows` works already: `size` is what it would hold from now on."""

    holder: str
    size: Bytes
    kind: Kind = "model"
    patience: float = 60.0
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nobody waits for `holder` any more."""

    holder: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """It works now; its start took `seconds`."""

    holder: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Began:
    """One use of `holder` began. A use that waits for the load counts."""

    holder: str


@dataclass(frozen=True, slots=True)
class Finished:
    holder: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """A person stopped it: it frees its memory as soon as its answers have ended."""

    holder: str


@dataclass(frozen=True, slots=True)
class Left:
    """Its process is gone, whatever ended it."""

    holder: str


@dataclass(frozen=True, slots=True)
class Pinned:
    holder: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What the system says that holders really hold, and what everything that is not ours holds: read together."""

    held: Mapping[str, Bytes]
    others: Bytes


@dataclass(frozen=True, slots=True)
class Pressed:
    level: Level


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went by: deadlines and idle models are looked at."""


Event = Wanted | Cancelled | Loaded | Began | Finished | Leaving | Left | Pinned | Measured | Pressed | Ticked


@dataclass(frozen=True, slots=True)
class Grant:
    """`holder` may start. `size` 0: it is there already."""

    holder: str
    size: Bytes = 0
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """`holder` has the given place in the line, from 1."""

    holder: str
    place: int
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Refuse:
    """`never`: it cannot fit. `full`: too many wait already. `late`: its patience is over. `reason` has the numbers,
    `remedy` what would fit."""

    holder: str
    why: Refusal
    reason: str = field(default="", compare=False)
    remedy: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Evict:
    """An idle model leaves."""

    holder: str
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Yield:
    """A job saves its work and gives its memory back."""

    holder: str
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Close:
    """A busy model takes no more questions, and leaves when it has answered those that it has."""

    holder: str
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reopen:
    """A model that was closing is no longer in anybody's way."""

    holder: str
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class End:
    """The machine is about to freeze: this one ends now, whatever it does."""

    holder: str
    reason: str = field(default="", compare=False)


Instruction = Grant | Wait | Refuse | Evict | Yield | Close | Reopen | End

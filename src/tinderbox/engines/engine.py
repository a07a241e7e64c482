"""`Engine`: the seam between the box and whatever runs a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinderbox.errors import EngineFailed
from tinderbox.units import Bytes


@dataclass(frozen=True, slots=True)
class Adapter:
    """One that is loaded beside its base: its file, the checksum of it, and what its tensors take in memory."""

    name: str
    path: Path
    content: str
    weights: Bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is put to work: `context` in tokens for each of the `parallel` slots, `threads` of the processor,
    `ubatch` tokens of a prompt computed at once, `granted` the memory that its lease says (None: it has no limit),
    `content` the checksum of its files (None: unknown), `adapters` what can be asked for beside the model itself."""

    name: str
    path: Path
    context: int
    parallel: int
    threads: int
    ubatch: int = 512
    embeds_only: bool = False
    granted: Bytes | None = None
    content: str | None = None
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the engine gives it: its HTTP status, its content type, and its bytes as they come.

    `close` must be called when the reader is done, early or not: it is what ends a generation nobody reads.
    """

    status: int
    content_type: str
    body: AsyncIterator[bytes]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Pulse:
    """A process's signs of life: the seconds of processor that it has used, and whether it was stopped (SIGSTOP)."""

    worked: float
    stopped: bool = False


class Vital(Protocol):
    """What can be seen to be alive, and ended where it is not."""

    def pulse(self) -> Pulse | None:
        """None where it is gone, or has no process that could be looked at."""

    async def prove(self, *, token: bool) -> bool:
        """Answer now, with a `token` if one can be had at no price; whether there was one. Raises EngineFailed."""

    def fail(self, reason: EngineFailed) -> None:
        """End it at once; `reason` is what its askers are told."""


class Answers(Protocol):
    async def reply(self, path: str, body: bytes) -> Reply:
        """Ask an OpenAI-shaped question (`/v1/chat/completions`) with a JSON body."""


class Engine(Vital, Answers, Protocol):
    """One model at work. Errors are EngineFailed, in the engine's own words where it has any."""

    async def load(self) -> None:
        """Start, and return once questions can be answered."""

    def measured(self) -> Bytes | None:
        """The memory it holds now, as the system reports it; None where that is unknown."""

    def grant(self, size: Bytes) -> None:
        """It may hold so much from now on."""

    async def wait_ended(self) -> None:
        """Return when the engine is gone, whatever ended it."""

    async def close(self) -> None:
        """End it and free its memory; no process is left when this returns."""

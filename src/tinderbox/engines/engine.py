"""`Engine`: the seam between the box and whatever runs a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinderbox.units import Bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is put to work: `context` in tokens for each of the `parallel` slots, `threads` of the processor,
    `ubatch` tokens of a prompt computed at once, `granted` the memory that its lease says (None: it has no limit),
    `content` the checksum of its files (None: unknown)."""

    name: str
    path: Path
    context: int
    parallel: int
    threads: int
    ubatch: int = 512
    embeds_only: bool = False
    granted: Bytes | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the engine gives it: its HTTP status, its content type, and its bytes as they come.

    `close` must be called when the reader is done, early or not: it is what ends a generation nobody reads.
    """

    status: int
    content_type: str
    body: AsyncIterator[bytes]
    close: Callable[[], None]


class Engine(Protocol):
    """One model at work. Errors are EngineFailed, in the engine's own words where it has any."""

    async def load(self) -> None:
        """Start, and return once questions can be answered."""

    async def reply(self, path: str, body: bytes) -> Reply:
        """Ask an OpenAI-shaped question (`/v1/chat/completions`) with a JSON body."""

    def measured(self) -> Bytes | None:
        """The memory it holds now, as the system reports it; None where that is unknown."""

    async def wait_ended(self) -> None:
        """Return when the engine is gone, whatever ended it."""

    async def close(self) -> None:
        """End it and free its memory; no process is left when this returns."""

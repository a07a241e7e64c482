"""`Limit`: the memory that one engine's process may hold. One that passes it is ended alone.

In a control group the kernel sees to it, at the very page. Elsewhere the process is looked at each second: what it
holds past its limit in between is the machine's to bear.
"""

from __future__ import annotations

import asyncio
import secrets
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import psutil

from tinderbox.engines.groups import Grounds, make_group, most_held, move_limit, remove, was_ended
from tinderbox.errors import EngineFailed
from tinderbox.units import Bytes, MiB, format_bytes

WATCHED = Grounds(None)
_SHARE, _MARGIN = 0.03, 64 * MiB  # what a prediction may be off by, and what an interpreter takes beside the engine
_LOOK_EVERY = 1.0  # seconds


def limit_of(granted: Bytes) -> Bytes:
    return int(granted * (1 + _SHARE)) + _MARGIN


def held_by(pid: int) -> Bytes | None:
    """What only the process's end gives back: anonymous and shared memory, in or out of swap, without the page cache
    of files that it maps. None where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if line.startswith(("RssAnon", "RssShmem", "VmSwap")))
        return sum(int(value.split()[0]) * 1024 for value in fields.values()) if fields else None
    except FileNotFoundError:
        pass  # no such process, or no Linux
    except ProcessLookupError:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


class Limit:
    """One process's, `granted` by its lease. `outgrown` is told in a thread what it held when it was ended for passing
    it, before anybody can load it again; `every` is the seconds between looks where no control group holds it."""

    def __init__(
        self,
        granted: Bytes,
        grounds: Grounds = WATCHED,
        outgrown: Callable[[Bytes], None] | None = None,
        every: float = _LOOK_EVERY,
    ) -> None:
        self._granted = granted
        self._grounds = grounds
        self._outgrown = outgrown
        self._every = every
        self._group: Path | None = None
        self._watch: asyncio.Task[None] | None = None
        self._held: Bytes | None = None
        self._told = False

    def hold(self, process: Process) -> None:
        """From now on, until `release`. One that is started anew is held anew."""
        self._held, self._told = None, False
        if self._grounds.folder is not None:
            try:
                limit = limit_of(self._granted)
                self._group = make_group(self._grounds.folder, secrets.token_hex(8), limit, process.pid)
                return
            except OSError:
                pass  # what was possible when the box started may be so no more: it is watched then
        self._watch = asyncio.create_task(self._look(process))

    def grant(self, size: Bytes) -> None:
        """Let it hold so much from now on."""
        self._granted = size
        if self._group is not None:
            move_limit(self._group, limit_of(size))

    def overrun(self) -> Bytes | None:
        """What the process held when it was ended for passing its limit; None if it was not."""
        if self._held is None and self._group is not None and was_ended(self._group):
            self._held = most_held(self._group) or limit_of(self._granted)
        return self._held

    def error(self, name: str) -> EngineFailed | None:
        held = self.overrun()
        if held is None:
            return None
        return EngineFailed(
            f"{name} was ended: it held {format_bytes(held)} of the {format_bytes(self._granted)} granted.",
            "Its next load is granted more, if there is room; a smaller --context or --parallel holds less.",
        )

    async def release(self) -> None:
        """Once the process is gone: tell what it held if that was too much, and leave no group behind."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        held = self.overrun()
        if self._group is not None:
            remove(self._group)
            self._group = None
        if held is not None and self._outgrown is not None and not self._told:
            self._told = True
            await asyncio.to_thread(self._outgrown, held)

    async def _look(self, process: Process) -> None:
        while process.returncode is None:
            held = held_by(process.pid)
            if held is not None and held > limit_of(self._granted):
                self._held = held
                process.kill()
                return
            await asyncio.sleep(self._every)

"""`Health`: whether each loaded model can really answer, and the end of one that cannot.

An idle engine is asked for one real token now and then, at no price for what is cached (`proof.py`). A busy one is
well as long as its process uses the processor: reading a long prompt, it is silent for minutes. Whoever seems dead is
asked twice before it is ended, so that a box which was itself stopped for a while ends nobody; one whose process was
stopped, once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tinderbox.engines.engine import Pulse, Vital
from tinderbox.errors import EngineFailed, Unavailable
from tinderbox.learning import Timings
from tinderbox.memory import Lease

LOOK_EVERY = 5.0  # seconds
PROVE_EVERY = 60.0  # seconds of idleness between tokens: a large model takes a second of all cores for one
BUSY_PATIENCE = 30.0  # seconds that a busy engine may use no processor
_DEADLINE = 10.0  # seconds for one answer
_FRESH = 1.0  # seconds for which readiness believes an answer
_READY_PATIENCE = 2.0  # seconds that whoever asks for readiness waits
_AT_WORK = 0.01  # of a processor: more than an engine takes to poll its sockets
_TRIES = 2

Need = Literal["nothing", "sign", "token"]


@dataclass(slots=True)
class _Chart:
    """One engine's, by the clock: its last sign of life, and the last time that it was asked for a token."""

    name: str
    sign: float = float("-inf")
    worked: float = 0.0
    busy: bool = False
    stopped: bool = False
    asked: float | None = None
    asking: asyncio.Task[None] | None = None


def need_of(*, busy: bool, stopped: bool, quiet: float, unasked: float | None) -> Need:
    """What must be known of an engine that gave no sign for `quiet` seconds, nor was asked for a token for `unasked`
    (None: never)."""
    if stopped:
        return "sign"
    if busy:
        return "sign" if quiet >= BUSY_PATIENCE else "nothing"
    return "token" if unasked is None or unasked >= PROVE_EVERY else "nothing"


class Health:
    """`engines` lists what is loaded and ready, `clock` gives seconds, `deadline` is for one answer."""

    def __init__(
        self,
        engines: Callable[[], Sequence[tuple[Lease, Vital]]],
        clock: Callable[[], float] = time.monotonic,
        deadline: float = _DEADLINE,
    ) -> None:
        self._engines = engines
        self._clock = clock
        self._deadline = deadline
        self._charts: dict[Vital, _Chart] = {}
        self._checking = asyncio.Lock()
        self._answered = False  # whether anything of this box ever was
        self._trouble = ""  # what befell since

    async def run(self) -> None:
        """Look after the engines until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Once: ask whoever needs it, and end whoever does not answer."""
        now = self._clock()
        asked = []
        for engine, chart in self._update(now):
            unasked = None if chart.asked is None else now - chart.asked
            need = need_of(busy=chart.busy, stopped=chart.stopped, quiet=now - chart.sign, unasked=unasked)
            if need != "nothing":
                asked.append(self._ask(engine, chart, token=need == "token"))
        await asyncio.gather(*asked)

    def heard(self, timings: Timings) -> None:
        """Somebody was answered: there is no better proof."""
        if timings.generated:
            for chart in self._charts.values():
                if chart.name == timings.model:
                    chart.sign = chart.asked = self._clock()
            self._tell_well()

    async def check(self) -> int:
        """How many models answer, if an answer could be given now. Raises Unavailable, and names no model."""
        async with self._checking:
            now = self._clock()
            charts = self._update(now)
            stale = [(engine, chart) for engine, chart in charts if _is_stale(chart, now)]
            asked = [self._ask(engine, chart, token=chart.asked is None) for engine, chart in stale]
            if asked:
                await asyncio.wait(asked, timeout=_READY_PATIENCE)
        now = self._clock()
        well = sum(_is_well(chart, now) for _, chart in charts)
        if well or (self._answered and not charts and not self._trouble):
            return well
        if charts:
            raise Unavailable("No loaded model answers.", "What is stuck is ended, and loaded by the next request.")
        why = self._trouble or "Nothing was answered yet: no model is loaded."
        raise Unavailable(why, "Load one: tinderbox load MODEL")

    def _ask(self, engine: Vital, chart: _Chart, *, token: bool) -> asyncio.Task[None]:
        """One question at a time: who comes meanwhile waits for the same answer."""
        if chart.asking is None or chart.asking.done():
            chart.asking = asyncio.create_task(self._attend(engine, chart, token=token))
        return chart.asking

    def _update(self, now: float) -> list[tuple[Vital, _Chart]]:
        """The charts of those who are there now, with what can be seen from outside."""
        there = self._engines()
        self._charts = {engine: self._charts.get(engine) or _Chart(lease.holder) for lease, engine in there}
        for lease, engine in there:
            chart, pulse = self._charts[engine], engine.pulse()
            if lease.busy and (not chart.busy or _worked(chart.worked, pulse, now - chart.sign)):
                chart.sign = now
                chart.worked = pulse.worked if pulse else 0.0
            chart.busy, chart.stopped = lease.busy, pulse is not None and pulse.stopped
        return list(self._charts.items())

    async def _attend(self, engine: Vital, chart: _Chart, *, token: bool) -> None:
        if token:
            chart.asked = self._clock()
        before = engine.pulse()
        for _ in range(1 if chart.stopped else _TRIES):
            try:
                async with asyncio.timeout(self._deadline):
                    produced = await engine.prove(token=token)
            except TimeoutError:
                if before and _worked(before.worked, engine.pulse(), self._deadline):
                    return  # slow, not stuck
            except EngineFailed:
                if engine.pulse() is None:
                    return  # it has ended by itself: the pool sees to that
            else:
                chart.sign = self._clock()
                if produced:
                    self._tell_well()
                return
        self._trouble = "A model was ended: it did not answer."
        engine.fail(EngineFailed(f"{chart.name} was ended: it did not answer.", "The next request loads it anew."))

    def _tell_well(self) -> None:
        self._answered, self._trouble = True, ""


def _is_well(chart: _Chart, now: float) -> bool:
    return not chart.stopped and now - chart.sign < (BUSY_PATIENCE if chart.busy else _FRESH + _READY_PATIENCE)


def _is_stale(chart: _Chart, now: float) -> bool:
    return not chart.busy and (chart.asked is None or now - chart.sign >= _FRESH)


def _worked(before: float, pulse: Pulse | None, seconds: float) -> bool:
    return pulse is not None and pulse.worked - before >= _AT_WORK * seconds

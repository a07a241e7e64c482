"""What a run says to the box while it works (jobs/process.py has the protocol), and how it is asked to end."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinderbox.units import Bytes

_SAY_EVERY = 0.5  # seconds
_LOOK_EVERY = 0.05  # seconds


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201


class Asked(Exception):
    """The run was asked to end, in the midst of a step that can be left undone."""


class Ending:
    """Hears SIGTERM. Within `may_interrupt` it ends the block at once by raising Asked; elsewhere it is `asked`."""

    def __init__(self) -> None:
        self.asked = False
        self._may = False
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, *_: object) -> None:
        self.asked = True
        if self._may:
            self._may = False
            raise Asked

    @contextmanager
    def may_interrupt(self) -> Iterator[None]:
        if self.asked:
            raise Asked
        self._may = True
        try:
            yield
        finally:
            self._may = False


class Telling:
    """Says how far the run is, at most twice a second, with the means of what was measured since."""

    def __init__(self, steps: int, begun_at: int, now: Callable[[], float] = time.monotonic) -> None:
        self._steps = steps
        self._first = begun_at
        self._now = now
        self._begun = self._said = now()
        self._sums: dict[str, list[float]] = {}

    def tell(self, step: int, **measured: float) -> None:
        """`step` steps are done."""
        for name, value in measured.items():
            self._sums.setdefault(name, []).append(value)
        if self._now() - self._said < _SAY_EVERY and step < self._steps:
            return
        self._said = self._now()
        means = {name: sum(values) / len(values) for name, values in self._sums.items()}
        self._sums.clear()
        left = (self._said - self._begun) / max(1, step - self._first) * (self._steps - step)
        message = f"step {step} of {self._steps}, loss {means['loss']:.3f}, {_duration(left)} left"
        say(progress=step / self._steps, message=message, metrics={"step": step, **means, "left": left})


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 59 else f"{minutes} min {rest} s"


class Peak:
    """The most memory that this process has held, looked at twenty times a second: what only its end gives back."""

    def __init__(self) -> None:
        self.most: Bytes = 0
        self.now: Bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(_LOOK_EVERY)

    def look(self) -> None:
        self.now = held()
        self.most = max(self.most, self.now)


def held() -> Bytes:
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    fields: dict[str, Any] = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return sum(int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem", "VmSwap"))

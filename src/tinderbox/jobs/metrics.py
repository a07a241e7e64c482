"""`Metrics`: the curves of jobs, in the state's database, bounded: of a long curve every second point goes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from tinderbox import state
from tinderbox.errors import TinderboxError

MOST_POINTS, MOST_NAMES = 2000, 64  # of a curve; of a job
_LONGEST_NAME = 64

Point = tuple[int, float]


class Metrics:
    """The curves of one home folder, each of at most so many points."""

    def __init__(self, home: Path, most: int = MOST_POINTS) -> None:
        self._home = home
        self._most = most

    def add(self, job: int, words: Mapping[str, Any]) -> None:
        """The numbers of one step, `step` being its number; a step that is told again is corrected. What is no number
        is left out, and so is all of it while the state cannot be written: no job ends for that."""
        step = words.get("step")
        if type(step) is not int:
            return
        values = [(name, float(value)) for name, value in words.items() if name != "step" and _is_number(value)]
        with suppress(TinderboxError), state.opened(self._home) as db, state.writing(db):
            for name, value in values[:MOST_NAMES]:
                row = (job, name[:_LONGEST_NAME], step, value)
                db.execute("REPLACE INTO metrics VALUES (?, ?, ?, ?)", row)
                count = db.execute("SELECT count(*) FROM metrics WHERE job = ? AND name = ?", row[:2]).fetchone()[0]
                if count > self._most:
                    db.execute(_THIN, row[:2] * 2)

    def curves(self, job: int) -> dict[str, list[Point]]:
        """By name, the points in the order of their steps."""
        found: dict[str, list[Point]] = {}
        with state.opened(self._home) as db:
            query = "SELECT name, step, value FROM metrics WHERE job = ? ORDER BY name, step"
            for name, step, value in db.execute(query, (job,)):
                found.setdefault(name, []).append((step, value))
        return found

    def remove(self, job: int) -> None:
        with state.opened(self._home) as db:
            db.execute("DELETE FROM metrics WHERE job = ?", (job,))


_THIN = """DELETE FROM metrics WHERE job = ? AND name = ? AND step IN (
    SELECT step FROM (
        SELECT step, row_number() OVER (ORDER BY step) AS place FROM metrics WHERE job = ? AND name = ?
    ) WHERE place % 2 = 0
)"""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)

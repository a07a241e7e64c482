"""`Book`: all jobs there were, in the state's database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from tinderbox import state
from tinderbox.errors import NoSuchJob
from tinderbox.jobs.job import Job, JobState
from tinderbox.units import Bytes

_WRITE = "REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Book:
    """The jobs of one home folder."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def add(self, kind: str, arguments: Mapping[str, Any], predicted: Bytes, now: datetime) -> Job:
        """A new job that waits, under the next number."""
        job = Job(0, kind, arguments, predicted, now)
        with state.opened(self._home) as db:
            number = db.execute(_WRITE, (None, *_row(job)[1:])).lastrowid
        return replace(job, number=number or 0)

    def write(self, job: Job) -> None:
        with state.opened(self._home) as db:
            db.execute(_WRITE, _row(job))

    def remove(self, number: int) -> None:
        with state.opened(self._home) as db:
            db.execute("DELETE FROM jobs WHERE number = ?", (number,))

    def find(self, number: int) -> Job:
        """Raises NoSuchJob with the nearest numbers."""
        with state.opened(self._home) as db:
            rows = db.execute("SELECT * FROM jobs WHERE number = ?", (number,)).fetchall()
            if rows:
                return _job(rows[0])
            near = db.execute("SELECT number FROM jobs ORDER BY abs(number - ?), number LIMIT 3", (number,)).fetchall()
        known = ", ".join(str(row[0]) for row in sorted(near))
        remedy = f"Nearest: {known}." if known else "There are none yet."
        raise NoSuchJob(f"There is no job {number}.", remedy)

    def jobs(self) -> list[Job]:
        """All of them, the oldest first."""
        with state.opened(self._home) as db:
            return [_job(row) for row in db.execute("SELECT * FROM jobs ORDER BY number")]


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.number,
        job.kind,
        json.dumps(dict(job.arguments)),
        job.state,
        job.predicted,
        job.progress,
        job.message,
        job.created.isoformat(),
        job.started.isoformat() if job.started else None,
        job.ended.isoformat() if job.ended else None,
        json.dumps(job.kept),
        json.dumps(job.result),
        job.error,
    )


def _job(row: tuple[Any, ...]) -> Job:
    number, kind, arguments, state_, predicted, progress, message, created, started, ended, kept, result, error = row
    return Job(
        number=number,
        kind=kind,
        arguments=json.loads(arguments),
        predicted=predicted,
        created=datetime.fromisoformat(created),
        state=cast("JobState", state_),
        progress=progress,
        message=message,
        started=datetime.fromisoformat(started) if started else None,
        ended=datetime.fromisoformat(ended) if ended else None,
        kept=json.loads(kept),
        result=json.loads(result),
        error=error,
    )

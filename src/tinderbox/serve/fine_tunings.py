"""`FineTunings`: which jobs were asked for in OpenAI's words, by whom and how, in the state; and how they are told."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tinderbox.errors import NoSuchJob
from tinderbox.jobs.job import Job, JobState
from tinderbox.jobs.metrics import Point
from tinderbox.jobs.runner import Runner
from tinderbox.state import opened

_STATUS: Mapping[JobState, str] = {
    "waiting": "queued",
    "running": "running",
    "yielded": "running",
    "resting": "queued",
    "done": "succeeded",
    "failed": "failed",
    "stopped": "cancelled",
}
_ENDS = {
    "done": ("info", "The job has successfully completed"),
    "failed": ("error", "The job failed"),
    "stopped": ("info", "The job was cancelled"),
}
_ID = re.compile(r"ftjob-([1-9]\d{0,17})")
_Told = tuple[datetime, str, str, dict[str, Any] | None]  # when, how grave, in which words, with which numbers
Curves = Mapping[str, list[Point]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for beside the recipe, as it is told again. `wishes` are the hyperparameters that were said."""

    training_file: str
    validation_file: str | None
    wishes: Mapping[str, Any]
    metadata: Mapping[str, str] | None
    seed: int

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata or {}


@dataclass(frozen=True, slots=True)
class FineTuning:
    job: Job
    asked: Asked

    @property
    def id(self) -> str:
        return f"ftjob-{self.job.number}"


class FineTunings:
    """Those of one home folder, each its asker's alone."""

    def __init__(self, home: Path, runner: Runner) -> None:
        self._home = home
        self._runner = runner

    def add(self, owner: str, job: Job, asked: Asked) -> FineTuning:
        with opened(self._home) as db:
            row = (job.number, owner, json.dumps(asdict(asked)))
            db.execute("REPLACE INTO fine_tunings VALUES (?, ?, ?)", row)
        return FineTuning(job, asked)

    def find(self, owner: str, id: str) -> FineTuning:
        """Raises NoSuchJob."""
        number = int(match[1]) if (match := _ID.fullmatch(id)) else 0
        with opened(self._home) as db:
            query = "SELECT asked FROM fine_tunings WHERE job = ? AND owner = ?"
            row = db.execute(query, (number, owner)).fetchone()
        if row is None:
            raise NoSuchJob(f"There is no fine-tuning job '{id[:100]}'.", "It is not yours, or was removed.")
        return FineTuning(self._runner.find(number), Asked(**json.loads(row[0])))

    def list(self, owner: str) -> list[FineTuning]:
        """The newest first."""
        jobs = {job.number: job for job in self._runner.jobs()}
        with opened(self._home) as db:
            rows = db.execute("SELECT job, asked FROM fine_tunings WHERE owner = ? ORDER BY job DESC", (owner,))
            return [FineTuning(jobs[number], Asked(**json.loads(asked))) for number, asked in rows if number in jobs]


def describe(tuning: FineTuning, folder: Path) -> dict[str, Any]:
    """The object `fine_tuning.job`; `folder` is the job's own."""
    job, asked = tuning.job, tuning.asked
    has_worked = job.state == "waiting" and job.started is not None
    return {
        "id": tuning.id,
        "object": "fine_tuning.job",
        "model": job.arguments["model"],
        "created_at": _seconds(job.created),
        "finished_at": _seconds(job.ended),
        "fine_tuned_model": _model(job),
        "organization_id": "tinderbox",
        "result_files": [],
        "status": "running" if has_worked else _STATUS[job.state],
        "validation_file": asked.validation_file,
        "training_file": asked.training_file,
        "hyperparameters": _hyperparameters(asked),
        "method": _method(job, asked),
        "trained_tokens": _trained_tokens(job, folder),
        "error": {"code": "job_failed", "message": job.error, "param": None} if job.error else None,
        "estimated_finish": None,
        "integrations": [],
        "seed": asked.seed,
        "metadata": asked.metadata,
    }


def events_of(tuning: FineTuning, curves: Curves) -> list[dict[str, Any]]:
    """The oldest first. A step is told with the time at which the run had begun: of each step's own none is kept."""
    job = tuning.job
    told: list[_Told] = [(job.created, "info", f"Created fine-tuning job: {tuning.id}", None)]
    if job.started:
        told.append((job.started, "info", "Fine-tuning job started", None))
        for step, loss in curves.get("loss", []):
            data = {"step": step, "train_loss": loss}
            told.append((job.started, "info", f"Step {step}: training loss={loss:.4f}", data))
    if job.state in _ENDS and job.ended:
        level, message = _ENDS[job.state]
        told.append((job.ended, level, f"{message}: {job.error}" if job.error else message, None))
    return [_event(tuning, place, one) for place, one in enumerate(told)]


def checkpoints_of(tuning: FineTuning, curves: Curves) -> list[dict[str, Any]]:
    """What came of the run, once it has. The checkpoints on its way are for going on, and no models."""
    model, losses = _model(tuning.job), curves.get("loss")
    if model is None or not losses:
        return []
    step, loss = losses[-1]
    metrics = {"step": step, "train_loss": loss}
    if perplexities := curves.get("perplexity"):
        metrics["full_valid_loss"] = math.log(perplexities[-1][1])
    return [
        {
            "id": f"ftckpt-{tuning.job.number}-{step}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": _seconds(tuning.job.ended),
            "fine_tuned_model_checkpoint": model,
            "fine_tuning_job_id": tuning.id,
            "step_number": step,
            "metrics": metrics,
        }
    ]


def _event(tuning: FineTuning, place: int, told: _Told) -> dict[str, Any]:
    at, level, message, data = told
    return {
        "id": f"ftevent-{tuning.job.number}-{place}",
        "object": "fine_tuning.job.event",
        "created_at": _seconds(at),
        "level": level,
        "message": message,
        "type": "metrics" if data else "message",
        "data": data or {},
    }


def _model(job: Job) -> str | None:
    return str(job.result["model"]) if job.state == "done" and isinstance(job.result, dict) else None


def _hyperparameters(asked: Asked) -> dict[str, Any]:
    names = ("n_epochs", "batch_size", "learning_rate_multiplier")
    return {name: asked.wishes.get(name, "auto") for name in names}


def _method(job: Job, asked: Asked) -> dict[str, Any]:
    if job.arguments.get("method") == "dpo":
        wishes = _hyperparameters(asked) | {"beta": asked.wishes.get("beta", "auto")}
        return {"type": "dpo", "dpo": {"hyperparameters": wishes}}
    return {"type": "supervised", "supervised": {"hyperparameters": _hyperparameters(asked)}}


def _trained_tokens(job: Job, folder: Path) -> int | None:
    """The tokens of the data, as often as the run's steps went over it; None before its end, or where that is gone."""
    from tinderbox.train.prepare import find_prepared
    from tinderbox.train.recipe import make_recipe

    if job.state != "done" or (prepared := find_prepared(folder)) is None:
        return None
    given = {key: value for key, value in job.arguments.items() if key != "task"}
    times = prepared.steps * make_recipe(given).batch / prepared.examples
    return round(prepared.training["tokens"] * times)


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())

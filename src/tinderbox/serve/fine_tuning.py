"""Fine-tuning under `/v1/fine_tuning/jobs`, in OpenAI's words: jobs of the kind `train` over files that were sent."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from tinderbox.audit import Audit
from tinderbox.errors import BadRequest, WrongUsage
from tinderbox.jobs.runner import Runner
from tinderbox.models.adapter import check_adapter_name
from tinderbox.models.store import Store
from tinderbox.serve.audit import noted
from tinderbox.serve.fine_tunings import Asked, FineTuning, FineTunings, checkpoints_of, describe, events_of
from tinderbox.serve.kept_files import KeptFiles
from tinderbox.serve.responses import owner_of, page_of
from tinderbox.train.recipe import make_recipe

Limit = Annotated[int, Query(ge=1, le=100)]
Whole = Annotated[int, Field(ge=1, le=4096)]
_PURPOSE = "fine-tune"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Hyperparameters(_Body):
    """`auto` leaves it to the recipe's own."""

    n_epochs: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] | None = None
    batch_size: Whole | Literal["auto"] | None = None
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=1000)] | Literal["auto"] | None = None
    beta: Annotated[float, Field(ge=1e-3, le=10)] | Literal["auto"] | None = None


class Settings(_Body):
    hyperparameters: Hyperparameters | None = None


class Method(_Body):
    type: Literal["supervised", "dpo"]
    supervised: Settings | None = None
    dpo: Settings | None = None


class Order(_Body):
    model: Annotated[str, Field(min_length=1)]
    training_file: Annotated[str, Field(min_length=1)]
    validation_file: str | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    metadata: Annotated[dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=16)] | None = None
    integrations: Annotated[list[dict[str, Any]], Field(max_length=0)] | None = None

    @property
    def wishes(self) -> dict[str, Any]:
        """The hyperparameters that were said, wherever they were."""
        inner = getattr(self.method, self.method.type) if self.method else None
        said = (inner and inner.hyperparameters) or self.hyperparameters or Hyperparameters()
        return {key: value for key, value in said.model_dump().items() if value not in (None, "auto")}


def fine_tuning_routes(store: Store, runner: Runner, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["OpenAI"])
    tunings, files = FineTunings(store.home, runner), KeptFiles(store.home)

    @router.post("")
    async def create(body: Order, request: Request) -> dict[str, Any]:
        owner = owner_of(request)
        with noted(audit, request, "job submitted", f"train {body.model}") as say:
            arguments = await asyncio.to_thread(_arguments, body, owner, store, files)
            try:
                job = await runner.submit("train", arguments)
            except WrongUsage as error:
                raise BadRequest(error.what, error.remedy, "training_file") from error
            say(f"job {job.number}")
        asked = Asked(body.training_file, body.validation_file, body.wishes, body.metadata, int(arguments["seed"]))
        return _shown(tunings.add(owner, job, asked))

    @router.get("")
    def listed(request: Request, limit: Limit = 20, after: str | None = None) -> dict[str, Any]:
        wanted = {k[9:-1]: v for k, v in request.query_params.items() if k.startswith("metadata[") and k.endswith("]")}
        found = [_shown(one) for one in tunings.list(owner_of(request)) if wanted.items() <= one.asked.labels.items()]
        return page_of(found, limit, after)

    @router.get("/{job_id}")
    def retrieve(job_id: str, request: Request) -> dict[str, Any]:
        return _shown(tunings.find(owner_of(request), job_id))

    @router.post("/{job_id}/cancel")
    async def cancel(job_id: str, request: Request) -> dict[str, Any]:
        owner = owner_of(request)
        number = tunings.find(owner, job_id).job.number
        with noted(audit, request, "job stopped", f"job {number}"):
            await runner.stop(number)
        return _shown(tunings.find(owner, job_id))

    @router.get("/{job_id}/events")
    def events(job_id: str, request: Request, limit: Limit = 20, after: str | None = None) -> dict[str, Any]:
        found = tunings.find(owner_of(request), job_id)
        return page_of(events_of(found, runner.curves(found.job.number))[::-1], limit, after)

    @router.get("/{job_id}/checkpoints")
    def checkpoints(job_id: str, request: Request, limit: Limit = 10, after: str | None = None) -> dict[str, Any]:
        found = tunings.find(owner_of(request), job_id)
        return page_of(checkpoints_of(found, runner.curves(found.job.number)), limit, after)

    def _shown(tuning: FineTuning) -> dict[str, Any]:
        return describe(tuning, runner.folder(tuning.job.number))

    return router


def _arguments(body: Order, owner: str, store: Store, files: KeptFiles) -> dict[str, Any]:
    """What the job is asked for. Raises what is wrong, by the name of the field that it stands in."""
    name = body.suffix or f"ft-{secrets.token_hex(4)}"
    try:
        _, base = check_adapter_name(store, body.model, name)
    except WrongUsage as error:
        raise BadRequest(error.what, error.remedy, "suffix" if name in error.what else "model") from error
    wishes = body.wishes
    given = {
        "model": base.name,
        "data": _content(files, owner, body.training_file, "training_file"),
        "name": name.lower(),
        "method": "dpo" if body.method and body.method.type == "dpo" else "lora",
        "held_out_data": body.validation_file and _content(files, owner, body.validation_file, "validation_file"),
        "epochs": wishes.get("n_epochs"),
        "batch": wishes.get("batch_size"),
        "beta": wishes.get("beta"),
        "seed": secrets.randbelow(2**31) if body.seed is None else body.seed,
    }
    given = {key: value for key, value in given.items() if value is not None}
    usual = make_recipe(given).peak_rate
    multiplier = wishes.get("learning_rate_multiplier")
    return {**given, "rate": min(1.0, usual * multiplier)} if multiplier else given


def _content(files: KeptFiles, owner: str, id: str, field: str) -> str:
    file = files.find(owner, id)
    if file.purpose != _PURPOSE:
        raise BadRequest(
            f"The file '{file.id}' was sent for '{file.purpose}'.", f"Send it with the purpose '{_PURPOSE}'.", field
        )
    return str(files.content(file))

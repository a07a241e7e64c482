"""Jobs under `/box`: what runs beside the models, and the verbs that begin, end and go on with it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tinderbox.audit import Audit
from tinderbox.jobs.runner import Runner
from tinderbox.serve.audit import noted
from tinderbox.serve.box import Stopping

Number = Annotated[int, Path(ge=1, lt=2**63)]
_LOG: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


class JobOrder(BaseModel):
    """What is to be done: `arguments` are the kind's own."""

    model_config = ConfigDict(extra="forbid", strict=True)
    kind: Annotated[str, Field(min_length=1)]
    arguments: dict[str, JsonValue] = {}


def job_routes(runner: Runner, stopping: Stopping, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/box/jobs", tags=["Tinderbox"])

    @router.get("")
    def jobs() -> dict[str, Any]:
        return {"jobs": [job.as_json() for job in runner.jobs()]}

    @router.post("")
    async def submit(body: JobOrder, request: Request) -> dict[str, Any]:
        with noted(audit, request, "job submitted", f"{body.kind} {body.arguments.get('model', '')}".strip()) as say:
            job = await runner.submit(body.kind, body.arguments)
            say(f"job {job.number}")
        return job.as_json()

    @router.get("/{number}")
    def job(number: Number) -> dict[str, Any]:
        return runner.find(number).as_json()

    @router.delete("/{number}")
    async def forget(number: Number, request: Request) -> dict[str, int]:
        with noted(audit, request, "job removed", f"job {number}"):
            runner.forget(number)
        return {"removed": number}

    @router.get("/{number}/metrics")
    def metrics(number: Number) -> dict[str, Any]:
        return {"metrics": runner.curves(number)}

    @router.get("/{number}/log", response_class=StreamingResponse, responses=_LOG)
    async def log(number: Number, follow: bool = False) -> StreamingResponse:
        runner.find(number)  # here: an error in mid-stream could not be told
        said = runner.read_log(number, stopping.is_set if follow else None)
        return StreamingResponse(said, media_type="text/plain; charset=utf-8")

    @router.post("/{number}/stop")
    async def stop(number: Number, request: Request) -> dict[str, Any]:
        with noted(audit, request, "job stopped", f"job {number}"):
            return (await runner.stop(number)).as_json()

    @router.post("/{number}/resume")
    async def resume(number: Number, request: Request) -> dict[str, Any]:
        with noted(audit, request, "job resumed", f"job {number}"):
            return runner.resume(number).as_json()

    return router

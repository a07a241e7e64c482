"""Agents and their runs under `/box`: what there is, what they do and did, and a person's word where one is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tinderbox.agents.definition import Definition
from tinderbox.agents.runs import Runs
from tinderbox.audit import Audit
from tinderbox.errors import WrongUsage
from tinderbox.serve.audit import noted
from tinderbox.serve.box import Stopping
from tinderbox.serve.jobs import Number

_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


class RunOrder(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    agent: Annotated[str, Field(min_length=1)]
    task: Annotated[str, Field(min_length=1)]


class Verdict(BaseModel):
    """Whether the call that waits may be made; where not, the model is told `why`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    allow: bool
    why: Annotated[str, Field(max_length=1000)] = ""


def run_routes(runs: Runs, stopping: Stopping, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.get("/agents")
    def agents() -> dict[str, Any]:
        return {"agents": [describe_agent(name, found) for name, found in runs.agents()]}

    @router.get("/agents/{name}")
    def agent(name: str) -> dict[str, Any]:
        return runs.agent(name).as_json()

    @router.get("/runs")
    def list_runs() -> dict[str, Any]:
        return {"runs": runs.all()}

    @router.post("/runs")
    async def start(body: RunOrder, request: Request) -> dict[str, Any]:
        with noted(audit, request, "agent run", body.agent) as say:
            job = await runs.start(body.agent, body.task)
            say(f"run {job.number}")
        return runs.show(job.number)

    @router.get("/runs/{number}")
    def show(number: Number) -> dict[str, Any]:
        return runs.show(number)

    @router.get("/runs/{number}/trace")
    def trace(number: Number) -> dict[str, Any]:
        return {"spans": runs.spans(number)}

    @router.get("/runs/{number}/events", response_class=StreamingResponse, responses=_EVENTS)
    async def events(number: Number) -> StreamingResponse:
        runs.find(number)  # here: an error in mid-stream could not be told
        return StreamingResponse(_events(runs, number, stopping), media_type="text/event-stream")

    @router.post("/runs/{number}/verdict")
    async def decide(number: Number, body: Verdict, request: Request) -> dict[str, Any]:
        with noted(audit, request, "call allowed" if body.allow else "call refused", f"run {number}"):
            await runs.decide(number, allow=body.allow, why=body.why)
        return runs.show(number)

    return router


async def _events(runs: Runs, number: int, stopping: Stopping) -> AsyncIterator[bytes]:
    async for shown in runs.follow(number, stopping.is_set):
        yield b"data: " + json.dumps(shown).encode() + b"\n\n"


def describe_agent(name: str, found: Definition | WrongUsage) -> dict[str, Any]:
    return {"name": name, "error": str(found)} if isinstance(found, WrongUsage) else found.as_json()

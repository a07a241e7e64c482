"""Jobs as the box keeps them: one is done, one failed, one runs until the test says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.web.scripted_memory import MODEL, OTHER, ago
from tests.web.scripted_refusal import refusal

TAKEN = "taken:1b"


def scripted_job(number: int, state: str, **facts: Any) -> dict[str, Any]:
    """A job that makes the starter smaller; `facts` change what is said of it."""
    started = None if state == "waiting" else ago(minutes=3)
    ended = ago(minutes=1) if state in ("done", "failed", "stopped") else None
    said = {
        "arguments": {"model": MODEL, "type": "q4_0"},
        "progress": None,
        "message": "",
        "result": None,
        "error": None,
    }
    times = {"created": ago(minutes=4), "started": started, "ended": ended}
    about = {"number": number, "kind": "quantise", "state": state, "holder": f"run {number}", "predicted": 144_000_000}
    return about | said | times | facts


def _first_jobs() -> dict[int, dict[str, Any]]:
    jobs = (
        scripted_job(1, "done", progress=1.0, result={"model": f"{MODEL}-q4_0", "size": 91_700_000}),
        scripted_job(2, "running", progress=0.41, message="112 of 272 tensors"),
        scripted_job(3, "failed", error="Its process was ended by signal 9 (SIGKILL).",
                     arguments={"model": OTHER, "type": "q8_0"}),
    )  # fmt: skip
    return {job["number"]: job for job in jobs}


@dataclass
class ScriptedJobs:
    """`known` are the jobs by number; `orders` what was asked, in order; `looks` counts how often the list was read,
    `curves` are what they have measured."""

    known: dict[int, dict[str, Any]] = field(default_factory=_first_jobs)
    orders: list[tuple[str, Any]] = field(default_factory=list)
    looks: int = 0
    curves: dict[int, dict[str, list[list[float]]]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        one = "/box/jobs/{number:int}"
        return [
            Route("/box/jobs", self._list),
            Route("/box/jobs", self._submit, methods=["POST"]),
            Route(one, self._forget, methods=["DELETE"]),
            Route(one + "/log", self._log),
            Route(one + "/metrics", self._metrics),
            Route(one + "/{order:str}", self._order, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        self.looks += 1
        return JSONResponse({"jobs": list(self.known.values())})

    async def _submit(self, request: Request) -> Response:
        body = await request.json()
        self.orders.append(("submit", body))
        if body["arguments"].get("name") == TAKEN:
            return refusal(400, f"There is a model '{TAKEN}' already.", "name")
        job = scripted_job(max(self.known) + 1, "waiting", arguments=body["arguments"], message="waits for its turn")
        self.known[job["number"]] = job
        return JSONResponse(job)

    async def _order(self, request: Request) -> Response:
        number, order = request.path_params["number"], request.path_params["order"]
        self.orders.append((order, number))
        changed = scripted_job(number, {"stop": "stopped", "resume": "waiting"}[order])
        self.known[number] |= {key: changed[key] for key in ("state", "ended", "error")}
        return JSONResponse(self.known[number])

    async def _forget(self, request: Request) -> Response:
        self.orders.append(("forget", request.path_params["number"]))
        del self.known[request.path_params["number"]]
        return JSONResponse({})

    async def _metrics(self, request: Request) -> Response:
        return JSONResponse({"metrics": self.curves.get(request.path_params["number"], {})})

    async def _log(self, request: Request) -> Response:
        return StreamingResponse(self._words(request.path_params["number"]), media_type="text/plain")

    async def _words(self, number: int) -> AsyncIterator[str]:
        yield f"blk.0.attn_q.weight: Q8_0 to Q4_0\nJob {number} writes this.\n"
        while number in self.known and self.known[number]["state"] == "running":
            await asyncio.sleep(0.05)
        yield "The end of the log.\n"

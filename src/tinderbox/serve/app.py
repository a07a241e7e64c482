"""`make_app`: the routes, the guard before them, and errors in the shape of the API that they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from tinderbox import __version__
from tinderbox.agents.runs import Runs
from tinderbox.audit import Audit
from tinderbox.engines.health import Health
from tinderbox.engines.pool import Pool
from tinderbox.errors import BadRequest, NoSuchPath, TinderboxError, TooLarge, WrongMethod, did_you_mean
from tinderbox.jobs.runner import Runner
from tinderbox.learning import Timings
from tinderbox.models.store import Store
from tinderbox.planning import Planner
from tinderbox.serve.access import Access, close_to_others
from tinderbox.serve.anthropic import anthropic_routes
from tinderbox.serve.audit import audit_routes
from tinderbox.serve.box import Stopping, box_routes
from tinderbox.serve.counting import LEFT, Counting
from tinderbox.serve.description import describe
from tinderbox.serve.files import file_routes
from tinderbox.serve.fine_tuning import fine_tuning_routes
from tinderbox.serve.health import health_routes
from tinderbox.serve.jobs import job_routes
from tinderbox.serve.keys import Keyring
from tinderbox.serve.mcp import mcp_routes
from tinderbox.serve.metrics import Metrics
from tinderbox.serve.ollama import ollama_routes
from tinderbox.serve.openai import openai_routes
from tinderbox.serve.plan import held_by, plan_routes
from tinderbox.serve.relay import Heard
from tinderbox.serve.rerank import rerank_routes
from tinderbox.serve.responses import response_routes
from tinderbox.serve.runs import run_routes
from tinderbox.serve.sessions import session_routes
from tinderbox.serve.shapes import error_response
from tinderbox.serve.traces import Record, Tracing, note


def make_app(
    pool: Pool,
    store: Store,
    stopping: Stopping,
    *,
    drain: float,
    page: list[BaseRoute],
    heard: Heard | None = None,
    health: Health | None = None,
    access: Access | None = None,
    jobs: Runner | None = None,
    runs: Runs | None = None,
    traces: Record | None = None,
    audit: Audit | None = None,
) -> FastAPI:
    """The whole HTTP face of a box. `page` serves `/`; `drain` is the seconds that a stopped model's answers get;
    `heard` is told how fast answers came; `health` is asked for readiness; `access` says who may ask, by default
    whoever is on this machine; `jobs` are what it does beside its models, `runs` those of agents; `traces` is told of
    each answer, `audit` of whatever somebody changes."""
    health, metrics = health or Health(pool.engines), Metrics(pool)
    heard = _all_hear(health.heard, metrics.heard, lambda timings: note(timings=timings), heard)
    access, audit = access or Access(Keyring(store.home)), audit or Audit(store.home)
    handlers: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
        TinderboxError: _handle_ours,
        RequestValidationError: _handle_invalid,
        HTTPException: _handle_http,
        UnicodeEncodeError: _handle_half_a_character,
        ClientDisconnect: _handle_gone,
    }
    app = FastAPI(title="Tinderbox", version=__version__, exception_handlers=handlers, docs_url=None, redoc_url=None)
    app.include_router(openai_routes(pool, store, heard, runs))
    app.include_router(response_routes(pool, store, heard))
    app.include_router(rerank_routes(pool, store))
    app.include_router(file_routes(store))
    app.include_router(anthropic_routes(pool, store, heard))
    app.include_router(ollama_routes(pool, store, drain, audit, heard))
    app.include_router(box_routes(pool, store, stopping, drain, audit))
    app.include_router(audit_routes(audit))
    app.include_router(plan_routes(Planner(store.home, held=lambda: held_by(pool))))
    if jobs is not None:
        app.include_router(job_routes(jobs, stopping, audit))
        app.include_router(fine_tuning_routes(store, jobs, audit))
    if runs is not None:
        app.include_router(run_routes(runs, stopping, audit))
    app.include_router(mcp_routes())
    app.include_router(health_routes(health, metrics))
    app.include_router(session_routes(access.ring.sessions))
    app.routes.extend(page)
    describe(app)
    close_to_others(app, access)
    app.add_middleware(Counting, metrics=metrics)
    if traces is not None:
        app.add_middleware(Tracing, record=traces)
    return app


# What pydantic puts into a place where a value could have been of several types: no field of ours is called so.
_UNION_TAG = re.compile(r"(str|int|float|bool|constrained-\w+|\w+\[.*\])$")


def _all_hear(*heard: Heard | None) -> Heard:
    def tell(timings: Timings) -> None:
        for one in heard:
            if one is not None:
                one(timings)

    return tell


async def _handle_ours(request: Request, error: TinderboxError) -> JSONResponse:
    return error_response(request.scope, error)


async def _handle_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Name the first field that is wrong; one line is what a person mends."""
    return error_response(request.scope, _explain_invalid(error.errors()[0]))


async def _handle_half_a_character(request: Request, error: UnicodeEncodeError) -> JSONResponse:
    """JSON can name one (a lone surrogate), and what is asked is told again in many an answer."""
    return error_response(request.scope, BadRequest("The request holds half a character.", "Send whole ones."))


def _explain_invalid(problem: dict[str, Any]) -> BadRequest:
    place = [
        str(part)
        for part in problem["loc"]
        if part not in ("body", "query", "path") and not _UNION_TAG.match(str(part))
    ]
    if problem["type"] == "json_invalid":
        return BadRequest(f"The body is not JSON: {problem['ctx']['error']} at character {place[0]}.")
    field = ".".join(place) or None
    if problem["type"] == "extra_forbidden":
        return BadRequest(f"Unknown parameter '{field}'.", "Leave it out; /openapi.json lists what is known.", field)
    if problem["type"] == "missing":
        return BadRequest(f"'{field or 'body'}' is missing.", "", field)
    if not place and isinstance(problem["input"], bytes):
        return BadRequest("The body did not come as JSON.", "Send it with the header Content-Type: application/json.")
    given = "" if isinstance(problem["input"], dict | list) else f" (it is {problem['input']!r})"
    return BadRequest(f"'{field or 'body'}' is wrong: {problem['msg']}{given}.", "", field)


async def _handle_http(request: Request, error: HTTPException) -> JSONResponse:
    path = request.url.path
    if error.status_code == 404:
        there = {route.path for route in iter_route_contexts(request.app.routes) if route.path}
        near = did_you_mean(path, there)
        return error_response(request.scope, NoSuchPath(f"There is nothing at {path}.", near))
    if error.status_code == 413:
        return error_response(request.scope, TooLarge(error.detail))
    wrong = WrongMethod if error.status_code == 405 else BadRequest
    return error_response(request.scope, wrong(f"{request.method} {path}: {error.detail}."))


async def _handle_gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody hears it."""
    return Response(status_code=LEFT)

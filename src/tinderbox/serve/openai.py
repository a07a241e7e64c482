"""The OpenAI dialect under `/v1`: models, chat completions, completions, embeddings.

Bodies are checked here, then handed to the engine as they came: what a client sent is what the model is asked. Only
what the engine cannot keep by itself is made ready first, and its answer told by us.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sized
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field, JsonValue
from starlette.responses import JSONResponse, Response

from tinderbox.agents.definition import Definition
from tinderbox.agents.runs import Runs
from tinderbox.engines.pool import Pool
from tinderbox.errors import (
    BadModelFile,
    BadRequest,
    Conflict,
    DoesNotFit,
    KeyNeeded,
    LimitReached,
    NoRoom,
    NoSuchFile,
    NoSuchJob,
    NoSuchPath,
    NoSuchResponse,
    NoSuchRun,
    NotAllowed,
    NotFound,
    PromptTooLong,
    TinderboxError,
    TooLarge,
    Unavailable,
    WrongMethod,
    WrongUsage,
)
from tinderbox.models.store import Store
from tinderbox.serve.agent_model import PREFIX as AGENT
from tinderbox.serve.agent_model import answer_as_agent, may_run
from tinderbox.serve.asking import ask
from tinderbox.serve.bodies import Body, Items, Notes, Patient, encoded
from tinderbox.serve.caller import check_model
from tinderbox.serve.chunks import Chunks
from tinderbox.serve.embeddings import shortened
from tinderbox.serve.ready import make_ready
from tinderbox.serve.relay import Heard, Relay
from tinderbox.serve.sampling import Biases, Samplers, check_tokens
from tinderbox.serve.structure import FIELDS

Probability = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Tokens = Annotated[int, Field(ge=1, le=2**31 - 1)]
Word = Annotated[str, Field(min_length=1)]


MOST_MESSAGES = 10_000  # of one conversation: checking and translating more would hold up everybody
_CHAT = "/v1/chat/completions"
_TEXT = "/v1/completions"


class Sampling(Body):
    """What text is sampled with: OpenAI's names, then those of llama.cpp that its users know."""

    model: Annotated[str, Field(min_length=1)]
    stream: bool | None = None
    stream_options: dict[str, JsonValue] | None = None
    max_tokens: Tokens | Literal[-1] | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_p: Probability | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: Word | Items[Word] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Biases | None = None
    user: str | None = None

    top_k: int | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    samplers: Samplers | None = None
    grammar: str | None = None
    json_schema: dict[str, JsonValue] | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None
    return_progress: bool | None = None
    timings_per_token: bool | None = None
    t_max_predict_ms: int | None = None


class ChatMessage(Body):
    """One turn. Parts of content other than text are the engine's to accept or refuse."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Items[dict[str, JsonValue]] | None = None
    name: str | None = None
    tool_calls: Items[dict[str, JsonValue]] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    function_call: dict[str, JsonValue] | None = None
    annotations: Items[JsonValue] | None = None
    audio: dict[str, JsonValue] | None = None


class ChatCompletionRequest(Sampling):
    messages: Annotated[Items[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
    max_completion_tokens: Tokens | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Items[dict[str, JsonValue]] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, JsonValue] | None = None
    reasoning_effort: str | None = None
    reasoning_format: str | None = None
    chat_template_kwargs: dict[str, JsonValue] | None = None
    add_generation_prompt: bool | None = None
    metadata: Notes | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    verbosity: str | None = None


class CompletionRequest(Sampling):
    prompt: str | Items[str] | Items[int] | Items[Items[int]]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None


class EmbeddingRequest(Body):
    model: Annotated[str, Field(min_length=1)]
    input: str | Items[str] | Items[int] | Items[Items[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    user: str | None = None


def openai_routes(pool: Pool, store: Store, heard: Heard | None = None, runs: Runs | None = None) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=Patient)

    @router.get("/models")
    def models(request: Request) -> dict[str, Any]:
        agents = runs.agents() if runs is not None and may_run(request) else []
        data = [_model(stored.name, stored.added) for stored in store.models()]
        data += [_model(f"{AGENT}{name}", None) for name, found in agents if isinstance(found, Definition)]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return {"object": "list", "data": data, **ends, "has_more": False}

    @router.get("/models/{name:path}")
    def model(
        request: Request, name: Annotated[str, Path(description="A model's name in the store, or agent/NAME.")]
    ) -> dict[str, Any]:
        if runs is not None and name.startswith(AGENT) and may_run(request):
            return _model(f"{AGENT}{runs.agent(name.removeprefix(AGENT)).name}", None)
        stored = store.find(name)
        return _model(stored.name, stored.added)

    @router.post("/chat/completions", response_class=Response)
    async def chat_completions(body: ChatCompletionRequest, request: Request) -> Response:
        check_model(request.scope, body.model)
        if runs is not None and body.model.startswith(AGENT):
            return await answer_as_agent(await request.json(), runs, request)
        _check_bias(body, store)
        if body.model_fields_set.isdisjoint(FIELDS) and (body.n or 1) == 1:
            return Relay(pool, body.model, _CHAT, await request.body(), error_event, heard)
        return await _prepared(await request.json(), pool, store, heard)

    @router.post("/completions", response_class=Response)
    async def completions(body: CompletionRequest, request: Request) -> Response:
        _check_bias(body, store)
        texts = _count(body.prompt)
        if body.json_schema is None and body.logprobs is None and (body.n or 1) * texts == 1:
            return Relay(pool, body.model, _TEXT, await request.body(), error_event, heard)
        asked = await request.json()
        prepared = await make_ready(asked, pool, store)
        question, told = _streamed(prepared.body), Chunks(asked, texts=True)
        unread = prepared.unread
        return Relay(pool, body.model, _TEXT, question, error_event, heard, texts, unread, translation=told)

    @router.post("/embeddings", response_class=Response)
    async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
        check_model(request.scope, body.model)
        if body.dimensions is not None:
            question = {"model": body.model, "input": body.input, "encoding_format": "float"}
            answer = await ask(pool, body.model, "/v1/embeddings", question, request)
            return JSONResponse(shortened(answer, body.dimensions, as_base64=body.encoding_format == "base64"))
        return Relay(pool, body.model, "/v1/embeddings", await request.body(), error_event, texts=_count(body.input))

    return router


def _check_bias(body: Sampling, store: Store) -> None:
    if body.logit_bias:
        check_tokens(body.logit_bias, store.find(body.model).card().vocabulary)


async def _prepared(asked: dict[str, Any], pool: Pool, store: Store, heard: Heard | None) -> Response:
    prepared = await make_ready(asked, pool, store)
    if prepared.reading is None and asked.get("n", 1) == 1:
        return Relay(pool, asked["model"], _CHAT, encoded(prepared.body), error_event, heard, unread=prepared.unread)
    told, body = Chunks(asked, prepared.reading), _streamed(prepared.body)
    return Relay(pool, asked["model"], _CHAT, body, error_event, heard, unread=prepared.unread, translation=told)


def _streamed(body: dict[str, Any]) -> bytes:
    """Where we tell the answer ourselves, we hear it as a stream, with what it took at the end."""
    return encoded(body | {"stream": True, "stream_options": {"include_usage": True}})


def _count(texts: str | Sized) -> int:
    """How many texts a body may hold: each has a context of its own."""
    return 1 if isinstance(texts, str) else max(1, len(texts))


_STATUS: tuple[tuple[type[TinderboxError], int, str, str | None], ...] = (
    (PromptTooLong, 400, "invalid_request_error", "context_length_exceeded"),
    (WrongMethod, 405, "invalid_request_error", None),
    (TooLarge, 413, "invalid_request_error", "too_large"),
    (BadRequest, 400, "invalid_request_error", None),
    (BadModelFile, 400, "invalid_request_error", "bad_model_file"),
    (WrongUsage, 400, "invalid_request_error", "wrong_name"),
    (KeyNeeded, 401, "authentication_error", "invalid_api_key"),
    (NotAllowed, 403, "permission_error", "forbidden"),
    (NoSuchJob, 404, "invalid_request_error", "job_not_found"),
    (NoSuchRun, 404, "invalid_request_error", "run_not_found"),
    (NoSuchFile, 404, "invalid_request_error", "file_not_found"),
    (NoSuchResponse, 404, "invalid_request_error", "not_found"),
    (NoSuchPath, 404, "invalid_request_error", "not_found"),
    (NotFound, 404, "invalid_request_error", "model_not_found"),
    (Conflict, 409, "invalid_request_error", "conflict"),
    (DoesNotFit, 507, "insufficient_memory", "does_not_fit"),
    (NoRoom, 507, "insufficient_storage", "disk_full"),
    (LimitReached, 429, "rate_limit_error", "rate_limit_exceeded"),
    (Unavailable, 503, "service_unavailable", None),
    (TinderboxError, 502, "engine_error", None),
)


def error_status(error: TinderboxError) -> int:
    return next(status for kind, status, _, _ in _STATUS if isinstance(error, kind))


def error_body(error: TinderboxError) -> dict[str, Any]:
    """The shape that OpenAI's clients raise their errors from."""
    _, _, kind, code = next(row for row in _STATUS if isinstance(error, row[0]))
    field = error.field if isinstance(error, BadRequest) else None
    return {"error": {"message": str(error), "type": kind, "param": field, "code": code}}


def error_event(error: TinderboxError) -> bytes:
    return b"data: " + json.dumps(error_body(error)).encode() + b"\n\n"


def _model(name: str, added: datetime | None) -> dict[str, Any]:
    """In OpenAI's words, and beside them in Anthropic's, whose clients ask at the same place."""
    created = int(added.timestamp()) if added else int(time.time())
    openai = {"id": name, "object": "model", "created": created, "owned_by": "tinderbox"}
    at = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    return openai | {"type": "model", "display_name": name, "created_at": at}

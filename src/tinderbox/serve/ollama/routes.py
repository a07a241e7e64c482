"""The routes under `/api`."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.responses import Response

from tinderbox.audit import Audit
from tinderbox.engines.pool import Pool
from tinderbox.errors import NotFound
from tinderbox.models.download import pull as fetch_model
from tinderbox.models.store import Store
from tinderbox.serve.audit import noted, who_asks
from tinderbox.serve.bodies import Patient, encoded
from tinderbox.serve.box import pulling, remove_model
from tinderbox.serve.caller import caller_of
from tinderbox.serve.embedding import embed
from tinderbox.serve.ollama.conversation import Question, ask_chat, ask_generate
from tinderbox.serve.ollama.lines import Lines, error_line, now
from tinderbox.serve.ollama.models import describe_running, describe_shape, describe_tag, own_name
from tinderbox.serve.ollama.requests import (
    ChatRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    ModelRequest,
    Named,
)
from tinderbox.serve.presence import while_here
from tinderbox.serve.ready import make_ready
from tinderbox.serve.relay import Heard, Relay
from tinderbox.serve.scopes import scopes_of

VERSION = "0.13.0"  # of Ollama, whose API this is: clients look for one that has what they need
_PHASES = {"looking": "pulling manifest", "checking": "verifying sha256 digest", "done": "writing manifest"}


def ollama_routes(pool: Pool, store: Store, drain: float, audit: Audit, heard: Heard | None = None) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["Ollama"], route_class=Patient)
    router.include_router(_model_routes(pool, store, drain, audit))
    leaving = _Leaving(pool, drain, audit)

    async def answer(body: ChatRequest | GenerateRequest, question: Question, request: Request) -> Response:
        path, asked = question
        model = own_name(store, body.model)
        prepared = await make_ready(asked | {"model": model}, pool, store)
        lines = Lines(body, time.perf_counter_ns, prepared.reading)
        question_body, unread = encoded(prepared.body), prepared.unread
        relay = Relay(pool, model, path, question_body, error_line, heard, unread=unread, translation=lines)
        relay.background = leaving.after(body, model, request)
        return relay

    @router.post("/chat", response_class=Response)
    async def chat(body: ChatRequest, request: Request) -> Response:
        if not body.messages:
            return await _load_or_unload(body, {"message": {"role": "assistant", "content": ""}}, request)
        return await answer(body, ask_chat(body), request)

    @router.post("/generate", response_class=Response)
    async def generate(body: GenerateRequest, request: Request) -> Response:
        if not body.prompt and not body.suffix:
            return await _load_or_unload(body, {"response": ""}, request)
        return await answer(body, ask_generate(body), request)

    async def _load_or_unload(body: ModelRequest, words: dict[str, Any], request: Request) -> Response:
        """A request that says nothing is how Ollama's clients load a model ahead, and unload it."""
        model = own_name(store, body.model)
        store.find(model)
        if not body.unloads:
            with noted(audit, request, "model loaded", model):
                await pool.load(model)
        reason = "unload" if body.unloads else "load"
        answer = {"model": body.model, "created_at": now(), **words, "done": True, "done_reason": reason}
        return JSONResponse(answer, background=leaving.after(body, model, request))

    @router.post("/embed")
    async def embed_texts(body: EmbedRequest, request: Request) -> Response:
        begun = time.perf_counter_ns()
        model = own_name(store, body.model)
        await while_here(request.receive, pool.load(model))
        loaded = time.perf_counter_ns()
        truncate = body.truncate is not False
        made = await embed(pool, model, body.input, request, truncate=truncate, dimensions=body.dimensions)
        answer = {
            "model": body.model,
            "embeddings": made.vectors,
            "total_duration": time.perf_counter_ns() - begun,
            "load_duration": loaded - begun,
            "prompt_eval_count": made.tokens,
        }
        return JSONResponse(answer, background=leaving.after(body, model, request))

    @router.post("/embeddings")
    async def embed_text(body: EmbeddingsRequest, request: Request) -> Response:
        model = own_name(store, body.model)
        made = await embed(pool, model, [body.prompt], request, truncate=True)
        return JSONResponse({"embedding": made.vectors[0]}, background=leaving.after(body, model, request))

    return router


class _Leaving:
    """Lets a model go where a request asks for it, once its answers have ended."""

    def __init__(self, pool: Pool, drain: float, audit: Audit) -> None:
        self._pool = pool
        self._drain = drain
        self._audit = audit

    def after(self, body: ModelRequest, model: str, request: Request) -> BackgroundTask | None:
        """None where the caller may not unload models: others may be using it."""
        caller = caller_of(request.scope)
        key = caller.key if caller else None
        may = key is None or key.allows(scopes_of("POST", "/box/stop"))
        return BackgroundTask(self.leave, model, request) if body.unloads and may else None

    async def leave(self, model: str, request: Request) -> None:
        with suppress(NotFound), noted(self._audit, request, "model stopped", model):  # it may have left already
            await self._pool.stop(model, patience=self._drain)


def _model_routes(pool: Pool, store: Store, drain: float, audit: Audit) -> APIRouter:
    router = APIRouter()

    @router.get("/version")
    def version() -> dict[str, str]:
        return {"version": VERSION}

    @router.get("/tags")
    def tags() -> dict[str, Any]:
        return {"models": [describe_tag(stored) for stored in store.models()]}

    @router.get("/ps")
    async def ps() -> dict[str, Any]:
        leases = [lease for lease in pool.leases() if (lease.kind, lease.state) == ("model", "ready")]
        found = [(store.find(lease.holder), lease) for lease in leases]
        return {"models": [describe_running(stored, lease, pool.context(stored.name)) for stored, lease in found]}

    @router.post("/show")
    def show(body: Named) -> dict[str, Any]:
        return describe_shape(store.find(own_name(store, body.model)))

    @router.delete("/delete")
    async def delete(body: Named, request: Request) -> None:
        with noted(audit, request, "model removed", body.model):
            stored = store.find(own_name(store, body.model))
            if stored.base is None:
                with suppress(NotFound):  # it is not loaded
                    await pool.stop(stored.name, patience=drain)
            await remove_model(store, stored.name)
            pool.forget_adapter(stored.name)

    @router.post("/pull", response_class=Response)
    async def pull(body: Named, request: Request) -> Response:
        name = own_name(store, body.model)
        if body.stream is not False:
            coming = pulling(store, name, audit, who_asks(request))
            lines = (json.dumps(_progress(line)) + "\n" async for line in coming)
            return StreamingResponse(lines, media_type="application/x-ndjson")
        with noted(audit, request, "model pulled", name):
            await asyncio.to_thread(fetch_model, store, name)
        return JSONResponse({"status": "success"})

    return router


def _progress(line: dict[str, Any]) -> dict[str, Any]:
    if line["status"] == "failed":
        return {"error": f"{line['error']['message']} {line['error']['remedy']}".strip()}
    if line["status"] == "done":
        return {"status": "success"}
    if line["phase"] != "downloading" or line["total"] is None:
        return {"status": _PHASES.get(line["phase"], f"pulling {line['model']}")}
    amount = {"total": line["total"], "completed": line["done"]}
    return {"status": f"pulling {line['model']}", "digest": line["model"], **amount}

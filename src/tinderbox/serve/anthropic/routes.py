"""The Anthropic dialect: `/v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from tinderbox.engines.pool import Pool
from tinderbox.errors import TinderboxError
from tinderbox.models.store import Store
from tinderbox.serve.anthropic.blocks import Blocks
from tinderbox.serve.anthropic.conversation import chat_of, completion_of
from tinderbox.serve.anthropic.requests import CountRequest, MessagesRequest
from tinderbox.serve.asking import ask
from tinderbox.serve.bodies import Patient, encoded
from tinderbox.serve.openai import error_status
from tinderbox.serve.ready import make_ready
from tinderbox.serve.relay import Heard, Relay
from tinderbox.serve.shapes import anthropic_shape, new_request_id

_CHAT = "/v1/chat/completions"


def anthropic_routes(pool: Pool, store: Store, heard: Heard | None = None) -> APIRouter:
    router = APIRouter(prefix="/v1/messages", tags=["Anthropic"], route_class=Patient)

    @router.post("", response_class=Response)
    async def messages(body: MessagesRequest) -> Response:
        prepared = await make_ready(completion_of(body), pool, store)
        question = encoded(prepared.body)
        told = Blocks(body, prepared.reading)
        return Relay(
            pool,
            body.model,
            _CHAT,
            question,
            error_event,
            heard,
            unread=prepared.unread,
            translation=told,
            headers={"request-id": new_request_id()},
        )

    @router.post("/count_tokens")
    async def count_tokens(body: CountRequest, request: Request) -> dict[str, int]:
        prepared = await make_ready({"model": body.model, **chat_of(body)}, pool, store)
        counted = await ask(pool, body.model, f"{_CHAT}/input_tokens", prepared.body, request)
        return {"input_tokens": counted["input_tokens"]}

    return router


def error_event(error: TinderboxError) -> bytes:
    shape = anthropic_shape(error, error_status(error))
    return f"event: error\ndata: {json.dumps(shape)}\n\n".encode()

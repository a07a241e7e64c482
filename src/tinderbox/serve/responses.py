"""The responses API under `/v1/responses`: answers that are kept, so that the next one can go on from them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tinderbox.engines.pool import Pool
from tinderbox.errors import BadRequest
from tinderbox.models.store import Store
from tinderbox.serve.asking import ask
from tinderbox.serve.bodies import Patient, encoded
from tinderbox.serve.caller import caller_of
from tinderbox.serve.kept import Kept, Turn
from tinderbox.serve.presence import while_here
from tinderbox.serve.ready import make_ready
from tinderbox.serve.relay import Heard, Relay
from tinderbox.serve.response_events import ResponseEvents
from tinderbox.serve.response_replay import replayed
from tinderbox.serve.response_request import Item, ResponseRequest, completion_of, in_our_words, items_of
from tinderbox.serve.structure import Prepared

_CHAT = "/v1/chat/completions"
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}}
}
_COUNT = "/v1/chat/completions/input_tokens"


def response_routes(pool: Pool, store: Store, heard: Heard | None = None) -> APIRouter:
    router = APIRouter(prefix="/v1/responses", tags=["OpenAI"], route_class=Patient)
    kept = Kept(store.home)

    @router.post("", response_class=Response)
    async def create(body: ResponseRequest, request: Request) -> Response:
        owner, asked = owner_of(request), items_of(body)
        before = await asyncio.to_thread(kept.before, owner, body.previous_response_id)
        items = [*before, *asked]
        if body.truncation == "auto":
            items = await _shortened(body, items, pool, store, request)
        prepared = await _ready(body, items, pool, store)

        def keep(response: dict[str, Any]) -> None:
            if body.store is not False:
                kept.keep(owner, Turn(asked, response))

        events = ResponseEvents(body, prepared.reading, keep)
        question = encoded(prepared.body)
        unread = prepared.unread
        return Relay(pool, body.model, _CHAT, question, events.failed, heard, unread=unread, translation=events)

    @router.post("/input_tokens")
    async def count(body: ResponseRequest, request: Request) -> dict[str, Any]:
        before = await asyncio.to_thread(kept.before, owner_of(request), body.previous_response_id)
        prepared = await _ready(body, [*before, *items_of(body)], pool, store)
        return {"object": "response.input_tokens", "input_tokens": await _count(body.model, prepared, pool, request)}

    @router.get("/{response_id}", response_model=None, responses=_EVENTS)
    def read(
        response_id: str,
        request: Request,
        stream: bool = False,
        starting_after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
    ) -> dict[str, Any] | Response:
        """With `stream`, as the events that it came in; those behind number `starting_after`."""
        response = kept.find(owner_of(request), response_id).response
        return Response(replayed(response, starting_after), media_type="text/event-stream") if stream else response

    @router.delete("/{response_id}")
    def delete(response_id: str, request: Request) -> dict[str, Any]:
        kept.delete(owner_of(request), response_id)
        return {"id": response_id, "object": "response", "deleted": True}

    @router.get("/{response_id}/input_items")
    def input_items(
        response_id: str,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        order: Literal["asc", "desc"] = "desc",
        after: str | None = None,
    ) -> dict[str, Any]:
        owner = owner_of(request)
        turn = kept.find(owner, response_id)
        items = [*kept.before(owner, turn.response.get("previous_response_id")), *turn.input]
        return page_of(items if order == "asc" else items[::-1], limit, after)

    return router


def owner_of(request: Request) -> str:
    """The key's id; empty for the person at this machine."""
    caller = caller_of(request.scope)
    return caller.key.id if caller and caller.key else ""


def page_of(items: list[Item], limit: int, after: str | None) -> dict[str, Any]:
    """Raises BadRequest where nothing is called `after`."""
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise BadRequest(f"'after' names '{after[:100]}', which is none of them.", "", "after")
    start = ids.index(after) + 1 if after is not None else 0
    data = items[start : start + limit]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": start + limit < len(items)}


async def _ready(body: ResponseRequest, items: list[Item], pool: Pool, store: Store) -> Prepared:
    """What is wrong is named as it stands in this API's body."""
    try:
        return await make_ready(completion_of(body, items), pool, store)
    except BadRequest as error:
        error.field = in_our_words(error.field or "") or None
        error.what = in_our_words(error.what)
        raise


async def _shortened(
    body: ResponseRequest, items: list[Item], pool: Pool, store: Store, request: Request
) -> list[Item]:
    """Without the oldest items, as many as must go for the rest and an answer to fit into the context."""
    await while_here(request.receive, pool.load(body.model))
    room = (pool.context(body.model) or 0) - (body.max_output_tokens or 0)
    while True:
        prepared = await _ready(body, items, pool, store)
        size = await _count(body.model, prepared, pool, request)
        if size < room or len(items) <= 1:
            return items
        items = _without_oldest(items, max(1, len(items) * (size - room) // size))


def _without_oldest(items: list[Item], count: int) -> list[Item]:
    """What a call came to makes no sense without the call."""
    left = items[min(count, len(items) - 1) :]
    while len(left) > 1 and left[0]["type"] == "function_call_output":
        left = left[1:]
    return left


async def _count(model: str, prepared: Prepared, pool: Pool, request: Request) -> int:
    counted = await ask(pool, model, _COUNT, prepared.body, request)
    return int(counted["input_tokens"])

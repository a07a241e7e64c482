"""Our own API under `/box`: what is stored, what is loaded, what holds the memory, and the verbs that change it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tinderbox import __version__
from tinderbox.audit import DONE, Audit, deed
from tinderbox.engines.caches import forget_removed
from tinderbox.engines.pool import Pool
from tinderbox.errors import Conflict, TinderboxError
from tinderbox.memory import Governor, Lease, Wish
from tinderbox.memory.decisions import read_decisions
from tinderbox.memory.event import FOREVER
from tinderbox.models.download import pull
from tinderbox.models.progress import Progress
from tinderbox.models.store import Store, Stored
from tinderbox.serve.audit import noted, who_asks
from tinderbox.units import Bytes

_WATCH_EVERY = 1.0  # seconds between looks at the memory for `/box/events`
_KEEP_ALIVE = 15  # looks without a change, after which a comment keeps the connection open


class Stopping(Protocol):
    """Told when the box is to end: streams that would go on for ever end then."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...


class ModelName(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    model: Annotated[str, Field(min_length=1)]


class Pin(ModelName):
    pinned: bool = True


def box_routes(pool: Pool, store: Store, stopping: Stopping, drain: float, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.get("/version")
    def version() -> dict[str, str]:
        return {"version": __version__}

    @router.get("/models")
    def models() -> dict[str, Any]:
        states = {lease.holder: lease.state for lease in pool.leases()}
        models = store.models()
        return {"models": [describe_model(one, states.get((one.base or one).name, "stored")) for one in models]}

    @router.delete("/models/{name:path}")
    async def remove(name: str, request: Request, with_adapters: bool = False) -> dict[str, Any]:
        with noted(audit, request, "model removed", name):
            stored = store.find(name)
            if any(lease.holder == stored.name for lease in pool.leases()):
                raise Conflict(f"{stored.name} is loaded.", f"Stop it first: tinderbox stop {stored.name}")
            freed = await remove_model(store, stored.name, with_adapters=with_adapters)
            pool.forget_adapter(stored.name)
            return {"removed": stored.name, "freed": freed}

    @router.get("/ps")
    async def ps() -> dict[str, Any]:
        return describe_memory(pool)

    @router.get("/history")
    async def history() -> dict[str, Any]:
        samples = [{**asdict(sample), "at": sample.at.isoformat()} for sample in pool.governor.samples]
        return {"samples": samples}

    @router.get("/decisions")
    def decisions(holder: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> dict[str, Any]:
        read = read_decisions(store.home, holder, limit)
        return {"decisions": [{**asdict(decision), "at": decision.at.isoformat()} for decision in read]}

    @router.get("/events", response_class=StreamingResponse)
    async def events() -> StreamingResponse:
        return StreamingResponse(_watch(pool, stopping), media_type="text/event-stream")

    @router.post("/load")
    async def load(body: ModelName, request: Request) -> dict[str, Any]:
        with noted(audit, request, "model loaded", body.model):
            return describe_lease(pool, await pool.load(body.model))

    @router.post("/pin")
    async def pin(body: Pin, request: Request) -> dict[str, Any]:
        with noted(audit, request, "model pinned" if body.pinned else "model unpinned", body.model):
            return describe_lease(pool, await pool.load(body.model, pinned=body.pinned))

    @router.post("/stop")
    async def stop(body: ModelName, request: Request) -> dict[str, str]:
        with noted(audit, request, "model stopped", body.model):
            await pool.stop(body.model, patience=drain)
        return {"stopped": body.model}

    @router.post("/pull", response_class=StreamingResponse)
    async def pull_model(body: ModelName, request: Request) -> StreamingResponse:
        lines = (json.dumps(line) + "\n" async for line in pulling(store, body.model, audit, who_asks(request)))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @router.post("/down")
    async def down(request: Request) -> dict[str, str]:
        with noted(audit, request, "box told to stop", ""):
            stopping.set()
        return {"status": "stopping"}

    return router


async def remove_model(store: Store, name: str, *, with_adapters: bool = False) -> Bytes:
    """Its files and its saved conversations; returns the bytes that became free."""
    freed = await asyncio.to_thread(partial(store.remove, name, with_adapters=with_adapters))
    return freed + await asyncio.to_thread(forget_removed, store)


def describe_model(stored: Stored, state: str) -> dict[str, Any]:
    card = stored.card()
    return {
        "name": stored.name,
        "size": stored.size,
        "parameters": card.parameters,
        "active_parameters": card.active_parameters,
        "architecture": card.architecture,
        "quantisation": card.quantisation,
        "context_length": card.context_length,
        "licence": stored.licence or card.licence,
        "state": state,
        "base": stored.base.name if stored.base else None,
        "chat": not card.makes_embeddings_only,
    }


def describe_lease(pool: Pool, lease: Lease) -> dict[str, Any]:
    settings = pool.settings(lease.holder)
    return {
        "holder": lease.holder,
        "kind": lease.kind,
        "predicted": lease.predicted,
        "measured": lease.measured,
        "state": lease.state,
        "busy": lease.busy,
        "pinned": lease.pinned,
        "since": pool.governor.wall_time(lease.since).isoformat(timespec="seconds"),
        "used": pool.governor.wall_time(lease.used).isoformat(timespec="seconds"),
        "context": settings.context if settings else None,
        "parallel": settings.parallel if settings else None,
    }


def describe_wish(governor: Governor, wish: Wish, place: int) -> dict[str, Any]:
    ends = None if wish.deadline == FOREVER else governor.wall_time(wish.deadline).isoformat(timespec="seconds")
    asked = governor.wall_time(wish.asked).isoformat(timespec="seconds")
    return {
        "holder": wish.holder,
        "kind": wish.kind,
        "wanted": wish.size,
        "place": place,
        "since": asked,
        "deadline": ends,
    }


def describe_memory(pool: Pool) -> dict[str, Any]:
    governor = pool.governor
    wishes = enumerate(governor.ledger.wishes, start=1)
    return {
        "pool": [asdict(governor.room())],
        "leases": [describe_lease(pool, lease) for lease in pool.leases()],
        "waiting": [describe_wish(governor, wish, place) for place, wish in wishes],
    }


async def _watch(pool: Pool, stopping: Stopping) -> AsyncIterator[str]:
    """The memory as server-sent events: at once, and whenever it has changed by more than a breath."""
    shown, quiet = "", 0
    while not stopping.is_set():
        now = describe_memory(pool)
        coarse = json.dumps(_coarse(now))
        if coarse != shown:
            shown, quiet = coarse, 0
            yield f"event: ps\ndata: {json.dumps(now)}\n\n"
        elif (quiet := quiet + 1) % _KEEP_ALIVE == 0:
            yield ": still here\n\n"
        await asyncio.sleep(_WATCH_EVERY)


def _coarse(value: Any) -> Any:
    """The same without the flicker: large numbers to 16 MB, so that a page is not woken for nothing."""
    if isinstance(value, dict):
        return {key: _coarse(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_coarse(part) for part in value]
    return value >> 24 if isinstance(value, int) else value


async def pulling(store: Store, name: str, audit: Audit, who: str) -> AsyncIterator[dict[str, Any]]:
    """Progress, then `{"status": "done"}` or an error in the shape of `/v1`. It goes on without a listener, so its end
    is noted by itself."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(progress: Progress) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, {"status": "pulling", **asdict(progress)})

    def end(task: asyncio.Task[dict[str, Any]]) -> None:
        last = task.result()
        outcome = DONE if last["status"] == "done" else f"failed: {last['error']['message']}"
        audit.take(deed(who, "model pulled", name, outcome))
        queue.put_nowait(last)

    work = asyncio.create_task(asyncio.to_thread(_pull_and_report, store, name, tell))
    work.add_done_callback(end)
    while True:
        line = await queue.get()
        yield line
        if line["status"] != "pulling":
            return


def _pull_and_report(store: Store, name: str, tell: Callable[[Progress], None]) -> dict[str, Any]:
    try:
        stored = pull(store, name, progress=tell)
    except TinderboxError as error:
        return {"status": "failed", "error": {"message": error.what, "remedy": error.remedy}}
    return {"status": "done", "model": stored.name, "size": stored.size, "sha256": stored.sha256}

"""Our own API under `/box`: what is stored, what is loaded, what holds the memory, and the verbs that change it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tinderbox import __version__
from tinderbox.engines.caches import forget_removed
from tinderbox.engines.pool import Pool
from tinderbox.errors import Conflict, TinderboxError
from tinderbox.memory import Lease
from tinderbox.models.download import pull
from tinderbox.models.progress import Progress
from tinderbox.models.store import Store, Stored

_WATCH_EVERY = 1.0  # seconds between looks at the memory for `/box/events`
_KEEP_ALIVE = 15  # looks without a change, after which a comment keeps the connection open


class Stopping(Protocol):
    """Told when the box is to end: streams that would go on for ever end then."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...


class ModelName(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    model: Annotated[str, Field(min_length=1)]


def box_routes(pool: Pool, store: Store, stopping: Stopping, drain: float) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.get("/version")
    def version() -> dict[str, str]:
        return {"version": __version__}

    @router.get("/models")
    def models() -> dict[str, Any]:
        states = {lease.holder: lease.state for lease in pool.leases()}
        return {"models": [describe_model(stored, states.get(stored.name, "stored")) for stored in store.models()]}

    @router.delete("/models/{name:path}")
    async def remove(name: str) -> dict[str, Any]:
        stored = store.find(name)
        if any(lease.holder == stored.name for lease in pool.leases()):
            raise Conflict(f"{stored.name} is loaded.", f"Stop it first: tinderbox stop {stored.name}")
        freed = await asyncio.to_thread(store.remove, stored.name) + await asyncio.to_thread(forget_removed, store)
        return {"removed": stored.name, "freed": freed}

    @router.get("/ps")
    async def ps() -> dict[str, Any]:
        return describe_memory(pool)

    @router.get("/events", response_class=StreamingResponse)
    async def events() -> StreamingResponse:
        return StreamingResponse(_watch(pool, stopping), media_type="text/event-stream")

    @router.post("/load")
    async def load(body: ModelName) -> dict[str, Any]:
        return describe_lease(await pool.load(body.model))

    @router.post("/stop")
    async def stop(body: ModelName) -> dict[str, str]:
        await pool.stop(body.model, patience=drain)
        return {"stopped": body.model}

    @router.post("/pull", response_class=StreamingResponse)
    async def pull_model(body: ModelName) -> StreamingResponse:
        return StreamingResponse(_pull(store, body.model), media_type="application/x-ndjson")

    @router.post("/down")
    async def down() -> dict[str, str]:
        stopping.set()
        return {"status": "stopping"}

    return router


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
        "chat": not card.makes_embeddings_only,
    }


def describe_lease(lease: Lease) -> dict[str, Any]:
    return {**asdict(lease), "since": lease.since.isoformat()}


def describe_memory(pool: Pool) -> dict[str, Any]:
    return {"pool": [asdict(pool.room())], "leases": [describe_lease(lease) for lease in pool.leases()]}


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


async def _pull(store: Store, name: str) -> AsyncIterator[str]:
    """One JSON object a line: progress, then `{"status": "done"}` or an error in the shape of `/v1`."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(progress: Progress) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, {"status": "pulling", **asdict(progress)})

    work = asyncio.create_task(asyncio.to_thread(_pull_and_report, store, name, tell))
    work.add_done_callback(lambda task: queue.put_nowait(task.result()))
    while True:
        line = await queue.get()
        yield json.dumps(line) + "\n"
        if line["status"] != "pulling":
            return


def _pull_and_report(store: Store, name: str, tell: Callable[[Progress], None]) -> dict[str, Any]:
    try:
        stored = pull(store, name, progress=tell)
    except TinderboxError as error:
        return {"status": "failed", "error": {"message": error.what, "remedy": error.remedy}}
    return {"status": "done", "model": stored.name, "size": stored.size, "sha256": stored.sha256}

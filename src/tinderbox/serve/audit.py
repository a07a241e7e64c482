"""What is done through the API is noted here with who asked for it, and can be read by who may do everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tinderbox.audit import HERE, Audit, noting, read_deeds
from tinderbox.serve.caller import caller_of


def who_asks(request: Request) -> str:
    """The name of the key that let the request in; the person at this machine where none had to."""
    caller = caller_of(request.scope)
    return caller.key.name if caller and caller.key else HERE


def noted(audit: Audit, request: Request, what: str, target: str) -> AbstractContextManager[Callable[[str], None]]:
    return noting(audit.take, who_asks(request), what, target)


def audit_routes(audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.get("/audit")
    async def read(limit: Annotated[int, Query(ge=1, le=50_000)] = 20) -> dict[str, Any]:
        await audit.write()
        deeds = await asyncio.to_thread(read_deeds, audit.home, limit)
        return {"deeds": [deed.as_json() for deed in deeds]}

    return router

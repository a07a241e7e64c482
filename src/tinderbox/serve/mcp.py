"""The Model Context Protocol at `/mcp`: what the box offers to other programs as tools."""

from __future__ import annotations

import asyncio
from importlib import import_module

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Exchange(Response):
    """One message and its answer. Nothing is kept from one to the next, so nothing is lost where a box starts anew."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The protocol's library takes half a second and 30 MB, which nobody pays for who does not speak it.
        exchange = await asyncio.to_thread(import_module, "tinderbox.serve.mcp_exchange")
        await exchange.answer(scope, receive, send)


def mcp_routes() -> APIRouter:
    router = APIRouter(tags=["MCP"])

    @router.post("/mcp", response_class=Response)
    async def mcp() -> Response:
        """JSON-RPC, as the Model Context Protocol's streamable HTTP wants it."""
        return Exchange()

    return router

"""The Model Context Protocol at `/mcp`: what the box offers to other programs as tools."""

from __future__ import annotations

import asyncio
from importlib import import_module

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tinderbox.errors import BadRequest


class Exchange(Response):
    """One message and its answer. Nothing is kept from one to the next, so nothing is lost where a box starts anew."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The protocol's library takes half a second and 30 MB, which nobody pays for who does not speak it.
        exchange = await asyncio.to_thread(import_module, "tinderbox.serve.mcp_exchange")
        await exchange.answer(scope, receive, send)


def mcp_routes() -> APIRouter:
    router = APIRouter(tags=["MCP"])

    @router.post("/mcp", response_class=Response)
    async def mcp(request: Request) -> Response:
        """JSON-RPC, as the Model Context Protocol's streamable HTTP wants it."""
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise BadRequest("A message is JSON, and says so.", "Send it with: Content-Type: application/json")
        return Exchange()

    return router

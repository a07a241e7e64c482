"""One exchange of MCP, from a request to its answer. Imports the protocol's library, so it is imported late."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx2
import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from tinderbox import __version__
from tinderbox.agents.arguments import read_arguments
from tinderbox.errors import NotAllowed, TinderboxError
from tinderbox.serve.caller import caller_of
from tinderbox.serve.mcp_tools import OFFERS, Ask, Offer, agent_offer, find_offer, list_agents, refusal
from tinderbox.units import MiB

_LARGEST = 4 * MiB
_CREDENTIALS = ("authorization", "x-api-key", "cookie")
_INSTRUCTIONS = (
    "Language models and agents on a machine of the person's own. list_models names what can be asked. "
    "The first question to a model waits for its load."
)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """What the request's message is answered with; it ends with its client."""
    offers = tuple(offer for offer in OFFERS if _opens(scope, offer))
    async with _box(scope) as box:
        server: Server[Any] = Server(
            "tinderbox",
            title="Tinderbox",
            version=__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=partial(_list, offers, partial(_ask, box)),
            on_call_tool=partial(_call, offers, partial(_ask, box)),
        )
        # The guard before all routes has looked at Host and Origin.
        manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=_LARGEST)
        async with manager.run():
            await manager.handle_request(scope, receive, send)


async def _list(
    offers: tuple[Offer, ...],
    ask: Ask,
    _context: ServerRequestContext[Any],
    _asked: types.PaginatedRequestParams | None,
) -> types.ListToolsResult:
    agents = await list_agents(ask) if find_offer(offers, "ask") else []
    return types.ListToolsResult(tools=[_described(offer) for offer in (*offers, *map(agent_offer, agents))])


async def _call(
    offers: tuple[Offer, ...], ask: Ask, _context: ServerRequestContext[Any], asked: types.CallToolRequestParams
) -> types.CallToolResult:
    offer = find_offer(offers, asked.name)
    if offer is None:
        raise MCPError(types.INVALID_PARAMS, f"There is no tool '{asked.name[:100]}'.")
    try:
        told = await offer.act(ask, **read_arguments(asked.arguments, offer.parameters))
    except TinderboxError as error:
        return types.CallToolResult(content=[types.TextContent(text=str(error))], is_error=True)
    return types.CallToolResult(content=[types.TextContent(text=told.text)], structured_content=told.data)


def _described(offer: Offer) -> types.Tool:
    return types.Tool(
        name=offer.name,
        description=offer.description,
        input_schema=dict(offer.parameters),
        annotations=types.ToolAnnotations(read_only_hint=offer.reads, open_world_hint=False),
    )


def _opens(scope: Scope, offer: Offer) -> bool:
    """Whether the key of who asks opens the route behind it."""
    caller = caller_of(scope)
    try:
        if caller is not None:
            caller.check(offer.method, offer.path)
    except NotAllowed:
        return False
    return True


def _box(scope: Scope) -> httpx2.AsyncClient:
    """The box from within, asked as whoever sent this request."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    shown = {name: headers[name] for name in _CREDENTIALS if name in headers}
    base = f"http://{headers.get('host', 'localhost')}"
    transport = httpx2.ASGITransport(app=scope["app"], raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=base, headers=shown, timeout=None)


async def _ask(box: httpx2.AsyncClient, method: str, path: str, **asked: Any) -> dict[str, Any]:
    response = await box.request(method, path, **asked)
    try:
        body: dict[str, Any] = response.json()
    except json.JSONDecodeError as error:
        raise refusal(response.status_code, {}) from error
    if response.status_code != 200:
        raise refusal(response.status_code, body)
    return body

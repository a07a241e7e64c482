"""What the tool `mcp` does: ask a server of the Model Context Protocol that the agent's file names.

A server's names, schemas, hints and results are its own words: they reach the model, and decide nothing. Which tools
ask a person first stands in the agent's file, and what was listed when the run began is all that there is.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tinderbox.agents.arguments import is_schema
from tinderbox.agents.settings import Mcp
from tinderbox.errors import BadRequest, Unavailable

if TYPE_CHECKING:
    import mcp_types as types
    from anyio.from_thread import BlockingPortal
    from mcp import Client

OPENING = 30.0  # seconds that a server has for each of its first words
SECONDS = 60.0  # of one call
_MOST_TOOLS = 64
_LONGEST_DESCRIPTION = 1000  # characters
_LONGEST_SCHEMA = 8000
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


class Server:
    """One server, for the time of a run: started with the first question, and anew with the next after it has ended.

    A `command` runs as whoever runs the agent, in the folder `place`, with an environment of a few variables.
    """

    def __init__(self, settings: Mcp, place: Path, seconds: float = SECONDS) -> None:
        self._settings = settings
        self._place = place
        self._seconds = seconds
        self._open = ExitStack()
        self._portal: BlockingPortal | None = None
        self._client: Client | None = None
        self._said: IO[str] | None = None

    def tools(self) -> list[types.Tool]:
        """Those whose schema can be held to. Raises Unavailable."""
        listed = self._ask(lambda client: client.list_tools()).tools
        return [tool for tool in listed if _is_fit(tool)][:_MOST_TOOLS]

    def call(self, name: str, /, **arguments: Any) -> str:
        """Raises BadRequest in the server's words, Unavailable where it does not answer."""
        answer = self._ask(lambda client: client.call_tool(name, arguments, read_timeout_seconds=self._seconds))
        told = "\n".join(_tell(answer))
        if answer.is_error:
            raise BadRequest(told or "The server says that it failed.")
        return told or "It is done; nothing was said about it."

    def close(self) -> None:
        """Also where it hangs: within some seconds its process is ended."""
        self._client = self._portal = None
        opened, self._open = self._open, ExitStack()
        with suppress(Exception):  # what a connection says when it breaks is of all kinds, and of no use now
            opened.close()

    def _ask(self, question: Callable[[Client], Any]) -> Any:
        from mcp import MCPError

        try:
            portal, client = self._opened()
            return portal.call(partial(question, client))
        except MCPError as error:
            if error.code not in _gone():
                raise BadRequest(f"The server '{self._settings.name}' refuses: {error}.") from error
            raise self._broken(error) from error
        except Exception as error:  # a server may break its client in any way; the run goes on
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> Unavailable:
        words = self._last_words() or str(error) or type(error).__name__
        self.close()
        return Unavailable(f"The server '{self._settings.name}' does not answer: {words[:300]}.".replace("..", "."))

    def _opened(self) -> tuple[BlockingPortal, Client]:
        from anyio.from_thread import start_blocking_portal

        if self._portal is None or self._client is None:
            self._said = self._open.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115
            self._portal = self._open.enter_context(start_blocking_portal())
            connected = _connected(self._settings, self._place, self._said)
            self._client = self._open.enter_context(self._portal.wrap_async_context_manager(connected))
        return self._portal, self._client

    def _last_words(self) -> str:
        """What a command complained of before it ended."""
        if self._said is None or self._said.closed:
            return ""
        self._said.seek(0)
        return next((line.strip() for line in reversed(self._said.readlines()) if line.strip()), "")


def fit_name(settings: Mcp, name: str) -> str:
    """`tickets_close`, of letters that a model's calls may have."""
    return f"{settings.name}_{_UNFIT.sub('_', name)}"[:64]


def about(tool: types.Tool) -> str:
    return (tool.description or tool.title or tool.name)[:_LONGEST_DESCRIPTION]


@asynccontextmanager
async def _connected(settings: Mcp, place: Path, said: IO[str]) -> AsyncIterator[Client]:
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    if settings.command:
        program, *words = settings.command
        server = StdioServerParameters(command=program, args=words, cwd=place)
        async with Client(stdio_client(server, errlog=said), read_timeout_seconds=OPENING) as client:  # type: ignore[arg-type]  # a text file
            yield client
        return
    patience = httpx2.Timeout(OPENING, read=SECONDS)
    async with (
        httpx2.AsyncClient(timeout=patience, trust_env=False) as http,
        Client(streamable_http_client(settings.url, http_client=http), read_timeout_seconds=OPENING) as client,
    ):
        yield client


def _gone() -> frozenset[int]:
    """The codes by which the library tells that nobody answers."""
    from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

    return frozenset({CONNECTION_CLOSED, REQUEST_TIMEOUT})


def _is_fit(tool: types.Tool) -> bool:
    return len(json.dumps(tool.input_schema)) <= _LONGEST_SCHEMA and is_schema(tool.input_schema)


def _tell(answer: types.CallToolResult) -> Iterator[str]:
    for part in answer.content:
        match part.type:
            case "text":
                yield part.text
            case "resource" if hasattr(part.resource, "text"):
                yield str(part.resource.text)
            case "resource_link":
                yield f"({part.name}: {part.uri})"
            case other:
                yield f"({other}, which is no text)"
    if not answer.content and answer.structured_content is not None:
        yield json.dumps(answer.structured_content)

"""Who may speak to the box: not a page of another origin, nor a name that was bound to our address (DNS rebinding)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinderbox.errors import NotAllowed, TinderboxError, TooLarge
from tinderbox.serve.shapes import error_response

LARGEST_BODY = 32_000_000  # bytes
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """Lets a request through if its Host is ours, and its Origin, where a browser sends one, is that Host."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._hosts = _LOOPBACK | hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if int(headers.get(b"content-length", b"0") or 0) > LARGEST_BODY:
            refusal: TinderboxError = TooLarge("The body is larger than 32 MB.", "Send less at once.")
        elif host_name(host) not in self._hosts:
            refusal = NotAllowed(f"The host '{host[:100]}' is not this box's.", "Speak to it as localhost.")
        elif origin and urlsplit(origin).netloc != host:
            refusal = NotAllowed(f"Pages of {origin[:100]} may not use this box.", "Open the box's own page.")
        else:
            await self._app(scope, _bounded(receive), send)
            return
        await error_response(scope, refusal)(scope, receive, send)


def host_name(host: str) -> str:
    """`[::1]:8910` as `::1`, `localhost:8910` as `localhost`; empty where it cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _bounded(receive: Receive) -> Receive:
    """The same, but a body that was not announced and grows too large is cut off as if its sender had gone."""
    left = LARGEST_BODY

    async def receive_bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return receive_bounded

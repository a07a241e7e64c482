"""Who may speak to the box: not a page of another origin, nor a name that was bound to our address (DNS rebinding)."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
            await _refuse(send, "The body is larger than 32 MB.", "Send less at once.", status=413)
        elif host_name(host) not in self._hosts:
            await _refuse(send, f"The host '{host[:100]}' is not this box's.", "Speak to it as localhost.")
        elif origin and urlsplit(origin).netloc != host:
            await _refuse(send, f"Pages of {origin[:100]} may not use this box.", "Open the box's own page.")
        else:
            await self._app(scope, _bounded(receive), send)


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


async def _refuse(send: Send, what: str, remedy: str, status: int = 403) -> None:
    kind, code = ("permission_error", "forbidden") if status == 403 else ("invalid_request_error", "too_large")
    error = {"message": f"{what} {remedy}", "type": kind, "param": None, "code": code}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

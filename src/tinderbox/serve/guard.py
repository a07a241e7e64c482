"""Who may speak to the box: not a page of another origin, nor a name that was bound to our address (DNS rebinding)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinderbox.errors import BadRequest, NotAllowed, TinderboxError, TooLarge, Unavailable
from tinderbox.serve.bodies import Scales
from tinderbox.serve.kept_files import LARGEST
from tinderbox.serve.shapes import error_response
from tinderbox.units import MB, Bytes

LARGEST_BODY = 32 * MB
LARGEST_FORM = LARGEST + MB  # a form with a file, which is written down as it comes
MOST_AT_ONCE = 1024  # requests that are being answered or wait for it
_MORE_THAN_A_HOST = re.compile(r"[@/?#\\\s]")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a body may take: seconds for each piece of it, for the whole, and for the whole of one with a file."""

    piece: float = 20.0
    whole: float = 300.0
    form: float = 3600.0


class Guard:
    """Lets a request through if its Host is ours, and its Origin, where a browser sends one, is that Host.

    `hosts` are names under which the box is reached besides loopback's, `origins` pages of others that may use it.
    With `elsewhere`, the address that a connection came in on is a Host of ours too: an address cannot be rebound.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        *,
        elsewhere: bool = False,
        patience: Patience = Patience(),
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._app = app
        self._hosts = _LOOPBACK | {host.lower() for host in hosts}
        self._origins = frozenset(origins)
        self._elsewhere = elsewhere
        self._patience = patience
        self._most_at_once = most_at_once
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except TinderboxError as error:
            response = error_response(scope, error)
            response.headers["Connection"] = "close"  # what it goes on to send is not read
            await response(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, _bounded(receive, scope, self._patience), send)
        finally:
            self._open -= 1

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        names = [name for name, _ in scope["headers"] if name in (b"host", b"origin")]
        if len(names) > len(set(names)):
            raise BadRequest("Host or Origin came twice.", "Send each once.")
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if int(headers.get(b"content-length", b"0") or 0) > (most := largest_body(scope)):
            raise TooLarge(f"The body is larger than {most // MB} MB.", "Send less at once.")
        if not self._is_ours(host_name(host), scope):
            raise NotAllowed(
                f"The host '{host[:100]}' is not this box's.",
                "Speak to it as localhost, or start it with --allow-host NAME.",
            )
        if origin and origin not in {f"http://{host}", f"https://{host}", *self._origins}:
            raise NotAllowed(
                f"Pages of {origin[:100]} may not use this box.", "Open the box's own page, or set allow_origins."
            )
        if self._open >= self._most_at_once:
            raise Unavailable("The box has as many requests as it can hold.", "Try again in a moment.", retry_after=2)

    def _is_ours(self, name: str, scope: Scope) -> bool:
        return name in self._hosts or (self._elsewhere and is_same_address(name, (scope.get("server") or ("",))[0]))


def host_name(host: str) -> str:
    """`[::1]:8910` as `::1`, `localhost:8910` as `localhost`; empty where it cannot be read, or is more than a host."""
    if _MORE_THAN_A_HOST.search(host):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_same_address(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other.removeprefix("::ffff:"))
    except ValueError:
        return False


def largest_body(scope: Scope) -> Bytes:
    return LARGEST_FORM if _takes_file(scope) else LARGEST_BODY


def _takes_file(scope: Scope) -> bool:
    return bool(scope["method"] == "POST" and scope["path"] == "/v1/files")


def _bounded(receive: Receive, scope: Scope, patience: Patience) -> Receive:
    """The same, but a body that grows too large, or comes too slowly, is cut off as if its sender had gone.
    One that would take too long to read is refused while it comes."""
    left, more = largest_body(scope), True
    whole = patience.form if _takes_file(scope) else patience.whole
    scales = None if _takes_file(scope) else Scales()
    deadline: float | None = None

    async def receive_bounded() -> Message:
        nonlocal left, more, deadline
        if not more:
            return await receive()
        now = asyncio.get_running_loop().time()
        deadline = deadline or now + whole
        try:
            async with asyncio.timeout_at(min(deadline, now + patience.piece)):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        piece = message.get("body", b"")
        left -= len(piece)
        if scales is not None:
            scales.add(piece)
        more = message.get("more_body", False)
        return message if left >= 0 else {"type": "http.disconnect"}

    return receive_bounded

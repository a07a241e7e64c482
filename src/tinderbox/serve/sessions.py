"""`Sessions`: what a browser holds in place of a key, in a cookie that no script can read and no other site can send.

They are in memory alone, so they end with the box. A ticket begins one session once: the address that the command line
prints carries one behind its `#`, which a browser sends to nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Scope

from tinderbox.keys import ONCE, digest_of
from tinderbox.serve.caller import caller_of

LASTS = 30 * 86_400  # seconds
_MOST = 1000  # of either; the oldest makes room


class Sessions:
    """Each belongs to the holder of a key, told by the key's id. Kept as hashes, found without comparing letters."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: dict[bytes, tuple[str, float]] = {}
        self._tickets: dict[bytes, str] = {}

    def begin(self, holder: str) -> str:
        session = secrets.token_urlsafe(32)
        self._begun[digest_of(session)] = holder, self._clock() + LASTS
        _bound(self._begun)
        return session

    def holder(self, session: str) -> str | None:
        holder, ends = self._begun.get(digest_of(session), (None, 0.0))
        return holder if ends > self._clock() else None

    def end(self, session: str) -> None:
        self._begun.pop(digest_of(session), None)

    def ticket(self, holder: str) -> str:
        """To be shown as a key, once."""
        secret = secrets.token_urlsafe(32)
        self._tickets[digest_of(secret)] = holder
        _bound(self._tickets)
        return f"tb_{ONCE}_{secret}"

    def redeem(self, secret: str) -> str | None:
        return self._tickets.pop(digest_of(secret), None)


def cookie_of(scope: Scope) -> str:
    """Its name: browsers share the cookies of a host among its ports, and each may be another box."""
    server = scope.get("server")
    return f"tinderbox-{server[1]}" if server else "tinderbox"


def session_of(scope: Scope) -> str:
    """The session that came as a cookie; empty where none did, or where a page of another site let it be sent."""
    headers = dict[bytes, bytes](scope["headers"])
    if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none"):
        return ""
    try:
        cookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(cookie_of(scope))
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def session_routes(sessions: Sessions) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.post("/session", status_code=204, response_class=Response)
    def begin(request: Request) -> Response:
        """A session for the key or the ticket that came with the request, as a cookie."""
        response, caller = Response(status_code=204), caller_of(request.scope)
        if caller is not None and caller.holder:
            is_tls = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
            words = sessions.begin(caller.holder)
            name = cookie_of(request.scope)
            response.set_cookie(name, words, max_age=LASTS, secure=is_tls, httponly=True, samesite="strict")
        return response

    @router.get("/session")
    def look(request: Request) -> dict[str, Any]:
        """Whether a session came along, and whose key it stands for: null for this home's own."""
        caller = caller_of(request.scope)
        key = caller.key if caller else None
        return {
            "session": bool(session_of(request.scope)),
            "key": key.name if key else None,
            "scopes": sorted(key.scopes) if key else [],
        }

    @router.delete("/session", status_code=204, response_class=Response)
    def end(request: Request) -> Response:
        sessions.end(session_of(request.scope))
        response = Response(status_code=204)
        response.delete_cookie(cookie_of(request.scope), httponly=True, samesite="strict")
        return response

    @router.post("/ticket")
    def ticket(request: Request) -> dict[str, str | None]:
        """What begins one session for whoever asks; null where no key is needed."""
        caller = caller_of(request.scope)
        return {"ticket": sessions.ticket(caller.holder) if caller is not None and caller.holder else None}

    return router


def _bound(kept: dict[bytes, Any]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]

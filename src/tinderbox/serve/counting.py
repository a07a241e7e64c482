"""`Counting`: each request counted once, by its route and status, before anything that could refuse it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinderbox.serve.metrics import Metrics

LEFT = 499  # the field's number for a client that went away before it was answered


class Counting:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = LEFT

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._metrics.answered(scope["method"], _route(scope), status)


def _route(scope: Scope) -> str:
    """As it is written in the code, so that there are as many as there are routes; the page's own are one."""
    if (route := scope.get("route")) is not None:
        return str(route.path)
    return "page" if "endpoint" in scope else "none"

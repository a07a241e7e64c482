"""Whether the box lives (`/healthz`), whether it could answer now (`/readyz`), and what it does (`/metrics`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from tinderbox.engines.health import Health
from tinderbox.serve.metrics import CONTENT_TYPE, Metrics


def health_routes(health: Health, metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["Health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> dict[str, Any]:
        """How many models answer; 503 with the reason where none does. No names: nobody needs a key to ask this."""
        return {"status": "ready", "models": await health.check()}

    @router.get("/metrics", response_class=Response)
    async def tell_metrics() -> Response:
        """In the text that Prometheus reads."""
        return Response(await metrics.text(), media_type=CONTENT_TYPE)

    return router

"""Whether the box lives (`/healthz`), and whether an answer could be given now (`/readyz`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from tinderbox.engines.health import Health


def health_routes(health: Health) -> APIRouter:
    router = APIRouter(tags=["Health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> dict[str, Any]:
        """How many models answer; 503 with the reason where none does. No names: nobody needs a key to ask this."""
        return {"status": "ready", "models": await health.check()}

    return router

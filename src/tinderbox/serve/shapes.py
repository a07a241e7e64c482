"""The shape of errors: each API's clients raise theirs from a body of its own. Which one is meant, the request says."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from tinderbox.errors import KeyNeeded, TinderboxError, Unavailable
from tinderbox.serve.openai import error_body, error_status

Shape = Callable[[TinderboxError, int], dict[str, Any]]

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def openai_shape(error: TinderboxError, status: int) -> dict[str, Any]:
    return error_body(error)


def anthropic_shape(error: TinderboxError, status: int) -> dict[str, Any]:
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": str(error)}, "request_id": new_request_id()}


def ollama_shape(error: TinderboxError, status: int) -> dict[str, Any]:
    return {"error": str(error)}


def shape_of(scope: Scope) -> Shape:
    """By the path; under `/v1`, which two APIs share, by the header that every client of Anthropic's sends."""
    path: str = scope["path"]
    if path.startswith("/api/") or path == "/api":
        return ollama_shape
    if path.startswith("/v1/messages") or (path.startswith("/v1/") and "anthropic-version" in Headers(scope=scope)):
        return anthropic_shape
    return openai_shape


def error_response(scope: Scope, error: TinderboxError) -> JSONResponse:
    status = error_status(error)
    body = shape_of(scope)(error, status)
    headers = {"request-id": body["request_id"]} if "request_id" in body else {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, KeyNeeded):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status, headers)


def new_request_id() -> str:
    return f"req_{secrets.token_hex(12)}"

"""A refusal in the shape of the box's own."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


def refusal(status: int, message: str, field: str | None = None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": field, "code": None}
    return JSONResponse({"error": error}, status)

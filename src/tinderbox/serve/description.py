"""What `/openapi.json` says beyond FastAPI's own: which refusals there are, in which shape, and how a key is sent."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_REFUSALS = {
    400: "The request cannot be answered as it is.",
    401: "No key, or none that is valid, where one is needed.",
    403: "Not with this key, or not from there.",
    404: "No such model, path or thing.",
    409: "Somebody else holds it.",
    413: "More bytes than a body may have.",
    429: "The key has used what it may; Retry-After says when it may more.",
    502: "The engine could not load, or died.",
    503: "Not now; Retry-After says when.",
    507: "It does not fit in the memory, or on the disk.",
}
_TEXT = {"type": "string"}
_OPENAI = {
    "type": "object",
    "required": ["message", "type", "param", "code"],
    "properties": {
        "message": _TEXT,
        "type": _TEXT,
        "param": {"type": ["string", "null"]},
        "code": {"type": ["string", "null"]},
    },
}
_ANTHROPIC = {"type": "object", "required": ["type", "message"], "properties": {"type": _TEXT, "message": _TEXT}}
_SHAPES: dict[str, dict[str, Any]] = {
    "Error": {"type": "object", "required": ["error"], "properties": {"error": _OPENAI}},
    "AnthropicError": {
        "type": "object",
        "required": ["type", "error"],
        "properties": {"type": {"const": "error"}, "error": _ANTHROPIC, "request_id": _TEXT},
    },
    "OllamaError": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
}
_BEARER = {"type": "http", "scheme": "bearer", "description": "A key made by `tinderbox key create`."}
_API_KEY = {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."}


def describe(app: FastAPI) -> None:
    """Let the app's description name its refusals. Made when it is first asked for."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            app.openapi_schema = _complete(made)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # how FastAPI wants it extended


def _complete(made: dict[str, Any]) -> dict[str, Any]:
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's, which is never sent
        schemas.pop(unused, None)
    schemas.update(_SHAPES)
    components["securitySchemes"] = {"bearer": _BEARER, "x-api-key": _API_KEY}
    made["security"] = [{}, {"bearer": []}, {"x-api-key": []}]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= _refusals(path)
    return made


def _refusals(path: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_shape(path)}"}}}
    return {str(status): {"description": said, "content": content} for status, said in _REFUSALS.items()}


def _shape(path: str) -> str:
    if path.startswith("/v1/messages"):
        return "AnthropicError"
    return "OllamaError" if path.startswith("/api/") else "Error"

"""The page and its files as routes: read once, sent with a validator and with the strictest policy that works."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

# Only these are sent: what is not named here (licences, notes) stays in the package and is no address.
# Spelt out because the system's own table of types may call `.mjs` anything, and browsers then refuse to run it.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # A string becomes markup only through the sanitiser: a browser that knows the rule refuses any other way.
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Kept by the browser but asked about each time: an updated box is seen at once, and the answer is mostly a 304.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _StaticFile:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, source: Traversable) -> _StaticFile:
        content = source.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32]
        return cls(content, _TYPES[PurePosixPath(source.name).suffix], f'"{digest}"')

    def answer(self, request: Request) -> Response:
        headers = _HEADERS | {"ETag": self.etag}
        if _names(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def page_routes() -> list[BaseRoute]:
    """`/` and `/static/...`, from memory: a path is looked up in a table, so no request reaches the file system.

    Both hold nothing secret and must be answered without a key, since the page is where a key is typed in.
    """
    found = {name: _StaticFile.read(source) for name, source in _walk(files("tinderbox.web") / "static")}

    async def page(request: Request) -> Response:
        return found["index.html"].answer(request)

    async def static(request: Request) -> Response:
        file = found.get(request.path_params["path"])
        if file is None:
            raise HTTPException(404, "The page has no such file.")
        return file.answer(request)

    return [
        Route("/", page, name="page", include_in_schema=False),
        Route("/static/{path:path}", static, name="static", include_in_schema=False),
    ]


def _walk(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _TYPES:
            found.append((f"{prefix}{entry.name}", entry))
    return found


def _names(condition: str, etag: str) -> bool:
    """Whether an If-None-Match header names this tag; weak tags (`W/"…"`) count, as RFC 9110 §13.1.2 asks."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags

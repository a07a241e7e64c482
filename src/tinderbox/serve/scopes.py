"""Which scope opens which route. What is not listed needs `admin`, so that no new route is open by accident."""

from __future__ import annotations

from tinderbox.keys import Scope

_CHAT: frozenset[Scope] = frozenset({"chat"})
_MODELS: frozenset[Scope] = frozenset({"models"})
_JOBS: frozenset[Scope] = frozenset({"jobs"})
_LOOK: frozenset[Scope] = frozenset({"chat", "models", "jobs"})  # what every client asks before it works
_ADMIN: frozenset[Scope] = frozenset({"admin"})

# Method and path; `*` is any method, and a path that ends in `/` stands for all below it. The first that fits holds.
_TABLE: tuple[tuple[str, str, frozenset[Scope]], ...] = (
    ("GET", "/v1/models", _LOOK),
    ("GET", "/v1/models/", _LOOK),
    ("*", "/v1/chat/", _CHAT),
    ("*", "/v1/completions", _CHAT),
    ("*", "/v1/embeddings", _CHAT),
    ("*", "/v1/rerank", _CHAT),
    ("*", "/v1/responses", _CHAT),
    ("*", "/v1/responses/", _CHAT),
    ("*", "/v1/messages", _CHAT),
    ("*", "/v1/messages/", _CHAT),
    ("*", "/v1/images/", _CHAT),
    ("*", "/v1/files", _JOBS),
    ("*", "/v1/files/", _JOBS),
    ("*", "/v1/fine_tuning/", _JOBS),
    ("POST", "/api/generate", _CHAT),
    ("POST", "/api/chat", _CHAT),
    ("POST", "/api/embed", _CHAT),
    ("POST", "/api/embeddings", _CHAT),
    ("GET", "/api/tags", _LOOK),
    ("GET", "/api/ps", _LOOK),
    ("GET", "/api/version", _LOOK),
    ("POST", "/api/show", _LOOK),
    ("POST", "/api/pull", _MODELS),
    ("DELETE", "/api/delete", _MODELS),
    ("*", "/v2/", _CHAT),
    ("POST", "/mcp", _LOOK),  # each tool asks for the scope of its own route besides
    ("GET", "/box/version", _LOOK),
    ("GET", "/box/models", _LOOK),
    ("GET", "/box/ps", _LOOK),
    ("GET", "/box/events", _LOOK),
    ("GET", "/box/machine", _LOOK),
    ("GET", "/box/boxes", _LOOK),
    ("GET", "/box/plan", _LOOK),
    ("GET", "/box/decisions", _LOOK),
    ("GET", "/box/history", _LOOK),
    ("GET", "/box/audit", _ADMIN),
    ("*", "/box/session", _LOOK),
    ("*", "/box/models/", _MODELS),
    ("POST", "/box/load", _MODELS),
    ("POST", "/box/stop", _MODELS),
    ("POST", "/box/pin", _MODELS),
    ("POST", "/box/pull", _MODELS),
    ("*", "/box/jobs", _JOBS),
    ("*", "/box/jobs/", _JOBS),
    ("GET", "/box/agents", _JOBS),
    ("GET", "/box/agents/", _JOBS),
    ("*", "/box/runs", _JOBS),
    ("*", "/box/runs/", _JOBS),
    ("GET", "/metrics", frozenset({"metrics"})),
    ("GET", "/openapi.json", _LOOK),
)

_PUBLIC = frozenset({"/", "/healthz", "/readyz"})
_READING = frozenset({"GET", "HEAD"})


def is_public(method: str, path: str) -> bool:
    """What is answered to anybody: that the box lives, and the page, where a key is typed in."""
    return method in _READING and (path in _PUBLIC or path.startswith("/static/"))


def scopes_of(method: str, path: str) -> frozenset[Scope]:
    """The scopes that open it; `admin` opens everything besides."""
    asked = "GET" if method == "HEAD" else method
    return next((scopes for way, where, scopes in _TABLE if way in ("*", asked) and _fits(where, path)), _ADMIN)


def _fits(where: str, path: str) -> bool:
    return path.startswith(where) if where.endswith("/") else path == where

"""Malformed requests, made by chance from true ones: wounded bodies, wounded addresses, and what is hardly HTTP.

Whatever comes out true asks a model for one token at most, removes nothing and fetches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

FUNCTION = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 9}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
    },
}
SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "hello"}]}]
ORDER = {"type": "json_schema", "json_schema": {"name": "order", "schema": FUNCTION["parameters"], "strict": True}}
TRUE: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": SAID,
        "max_tokens": 1,
        "temperature": 0.5,
        "stop": ["."],
        "logit_bias": {"5": 1},
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "/v1/chat/completions?": {"messages": SAID, "max_tokens": 1, "response_format": ORDER, "seed": 1, "n": 1},
    "/v1/completions": {"prompt": "hello", "max_tokens": 1, "logprobs": 2, "stream": False},
    "/v1/embeddings": {"input": ["one", "two"], "encoding_format": "base64", "dimensions": 8},
    "/v1/rerank": {"query": "one", "documents": ["one", {"text": "two"}], "top_n": 1},
    "/v1/responses": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "max_output_tokens": 1,
        "store": False,
        "tools": [{"type": "function"} | FUNCTION],
        "text": {"format": {"type": "json_schema", "name": "order", "schema": FUNCTION["parameters"]}},
        "stream": True,
    },
    "/v1/responses/input_tokens": {"input": "hello"},
    "/v1/messages": {
        "messages": SAID[1:],
        "system": [{"type": "text", "text": "Be brief."}],
        "max_tokens": 1,
        "tools": [{"name": "weather", "input_schema": FUNCTION["parameters"]}],
        "tool_choice": {"type": "auto"},
        "stream": True,
    },
    "/v1/messages/count_tokens": {"messages": SAID[1:]},
    "/api/chat": {"messages": [{"role": "user", "content": "hello"}], "options": {"num_predict": 1, "seed": 1}},
    "/api/generate": {"prompt": "hello", "options": {"num_predict": 1}, "format": FUNCTION["parameters"]},
    "/api/embed": {"input": ["one"]},
    "/api/embeddings": {"prompt": "one"},
    "/api/show": {"verbose": False},
    "/box/load": {},
    "/box/pin": {"pinned": False},
    "/box/jobs": {"kind": "quantise", "arguments": {"type": "q8_0", "name": "made:1"}},
    "/box/session": {"key": "tb_1_2"},
}
# What would do harm, or is bounded by nobody, names what is not there.
ASKED = {"name": "ask_model", "arguments": {"model": "nowhere:1b", "prompt": "hello", "max_tokens": 1}}
LOOKED = {"name": "plan", "arguments": {"model": "gpt-oss-120b", "box": "dgx-spark", "context": 4096}}
HANDS = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
NOWHERE: dict[str, dict[str, Any]] = {
    "/box/stop": {},
    "/box/pull": {},
    "/api/pull": {"stream": True},
    "/box/runs": {"agent": "nobody", "task": "hello"},
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ASKED},
    "/mcp?": {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": LOOKED},
    "/mcp??": {"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": HANDS},
}
LIMITS = {"max_tokens", "max_output_tokens"}
LOOKS = (
    "/v1/models/{}",
    "/v1/responses/{}",
    "/v1/responses/{}/input_items?limit={}",
    "/v1/files/{}",
    "/v1/files/{}/content",
    "/v1/files?limit={}&after={}",
    "/box/jobs/{}",
    "/box/jobs/{}/log",
    "/box/jobs/{}/metrics?after={}",
    "/box/agents/{}",
    "/box/runs/{}",
    "/box/runs/{}/trace",
    "/box/audit?limit={}",
    "/box/decisions?limit={}&holder={}",
    "/box/plan?model={}&context={}",
    "/box/plan?model=gpt-oss-120b&box={}&parallel={}&depth={}",
    "/static/{}",
    "/{}",
)
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "DELETE")
WORDS = (
    "",
    "0",
    "-1",
    "1e9",
    "9" * 40,
    "%00",
    "%ff",
    "..%2f..%2fetc%2fpasswd",
    "x" * 3000,
    "%F0%9F%8C%8A",
    "a/b",
    "{}",
    "'--",
)
KINDS = (
    "application/json",
    "application/json",
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
)
KEYS = ("Bearer ", "Bearer x", "Bearer tb_1_2", "Basic eDp5", "Bearer \xe9", "x" * 9000)
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
)
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
NOT_HTTP = (
    b"",
    b"\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"BREW /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 500 + b"\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n{}",
    HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    HEAD + b"Content-Length: 20\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 5000 + b"\r\n{}\r\n",
    HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
)


def _deep(depth: int, inner: Any = None) -> Any:
    for _ in range(depth):
        inner = {"properties": {"a": inner}, "type": "object"}
    return inner


JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 2, 0.5, 1e308, 10**30, float("nan"), float("inf"), "", "\x00", "\ud800", "é" * 50, "x" * 5000),
    *([], {}, [[]], [None], {"a": {"b": [1]}}, {"": ""}, {"type": None}, {"$ref": "#"}, {"$ref": "#/$defs/a"}),
    *(
        "../../etc/passwd",
        "http://127.0.0.1/x",
        "(((((",
        "^(a+)+$",
        {"type": "image_url", "image_url": {"url": "data:,"}},
    ),
    *(
        {"pattern": "(" * 300},
        {"anyOf": [{}] * 200},
        {"enum": list(range(500))},
        {"minLength": 10**9},
        _deep(60),
        _deep(400),
    ),
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is sent. `is_whole`: to the end of a request, so that an answer comes, and the connection's end with it."""

    content: bytes
    is_whole: bool = True


def malformed(chance: Random, model: str, key: str = "") -> Malformed:
    """The next one, about `model`; most come with `key`."""
    kind = chance.random()
    if kind < 0.15:
        return Malformed(_broken(chance, model, key), is_whole=False)
    if kind < 0.25:
        address = chance.choice(LOOKS).format(*(chance.choice(WORDS) for _ in range(3)))
        return Malformed(_request(chance, key, chance.choice(METHODS), address, b""))
    if kind < 0.28:
        return Malformed(_request(chance, key, "POST", "/v1/files", flipped(FORM, chance), KINDS[-2]))
    return Malformed(_asked(chance, model, key))


def _asked(chance: Random, model: str, key: str) -> bytes:
    address = chance.choice([*TRUE, *NOWHERE])
    body: Any = {"model": model} | TRUE[address] if address in TRUE else {"model": "nowhere:1b"} | NOWHERE[address]
    for _ in range(chance.randint(1, 3)):
        body = wounded(body, chance)
    content = json.dumps(_bounded(body, TRUE.get(address, {}))).encode()
    if chance.random() < 0.2:
        content = chance.choice([flipped(content, chance), b"[" * chance.choice([9, 900, 20_000])])
    kind = chance.choice(KINDS) if chance.random() < 0.1 else KINDS[0]
    return _request(chance, key, "POST", address.rstrip("?"), content, kind)


def wounded(value: Any, chance: Random) -> Any:
    """One thing in it is gone, is new, or is something else."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key, way = chance.choice(list(value)), chance.random()
        if way < 0.2:
            return {name: kept for name, kept in value.items() if name != key}
        if way < 0.3:
            return value | {chance.choice(["x", "__proto__", f"{key} ", ""]): chance.choice(JUNK)}
        return value | {key: wounded(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], wounded(value[place], chance), *value[place + 1 :]]
    return chance.choice(JUNK)


def flipped(content: bytes, chance: Random) -> bytes:
    """One to three bytes are others, or the end is cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


def _bounded(body: Any, true: dict[str, Any]) -> Any:
    """The same, but a number of tokens that would be taken is one."""
    if not isinstance(body, dict):
        return body
    for limit in LIMITS & true.keys():
        if isinstance(body.get(limit), int | float | None):
            body = body | {limit: 1}
    if "options" in true and isinstance(body.get("options"), dict | None):
        body = body | {"options": (body.get("options") or {}) | {"num_predict": 1}}
    return body


def _request(chance: Random, key: str, method: str, address: str, body: bytes, kind: str = "application/json") -> bytes:
    presented = chance.choice(KEYS) if chance.random() < 0.05 else f"Bearer {key}"
    head = (
        f"{method} {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
        f"Accept: application/json, text/event-stream\r\nAuthorization: {presented}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def _broken(chance: Random, model: str, key: str) -> bytes:
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: chance.choice(NOT_HTTP),
        lambda: flipped(chance.choice(NOT_HTTP) or b"\r\n", chance),
        lambda: flipped(_asked(chance, model, key)[:600], chance),
        lambda: chance.randbytes(chance.choice([1, 20, 3000])),
    )
    return chance.choice(ways)()

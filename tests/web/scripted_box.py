"""A small real server that keeps the box's side of the contract with answers that a test knows beforehand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.web.scripted_jobs import ScriptedJobs
from tests.web.scripted_memory import MODEL, OTHER, scripted_decisions, scripted_history, scripted_ps
from tests.web.scripted_plan import BOXES, refused_plan, scripted_plan
from tests.web.scripted_refusal import refusal
from tinderbox.web import page_routes

HOLD = "⏸"  # in a script: wait here until the test opens the gate

CODE = """## Counting words

A `Counter` does it, and **sorts** the result:

```python
from collections import Counter

def words(text: str) -> list[tuple[str, int]]:
    \"\"\"The ten most frequent words, with how often each came.\"\"\"
    return Counter(text.lower().split()).most_common(10)  # ties keep their order
```

1. Read the file as text.
2. Split it at white space.

| step | time |
|:--|--:|
| read | 12 ms |
| count | 40 ms |

> Measured once; see [the documentation](https://docs.python.org/3/).
"""

ATTACK = """Look <img src=x onerror="window.hit=1"> <script>window.hit=1</script>

<script>
window.hit=1
</script>

<iframe srcdoc="<script>parent.hit=1</script>"></iframe> <style>body{display:none}</style>

[one](javascript:window.hit=1) [two](data:text/html,<script>hit=1</script>) [three](/box/stop)
![far](https://elsewhere.invalid/pixel.png) <svg onload="window.hit=1">
<form action="https://elsewhere.invalid"><input name=a>

```html" onmouseover="window.hit=1
<b onclick="window.hit=1">
```

The end.
"""

ANSWERS: Mapping[str, str] = {
    "code": CODE,
    "attack": ATTACK,
    "hold": f"The first half{HOLD} and the second half.",
    "grow": f"# Title\n\nSettled **words** here.\n\n- one\n- two\n\nopen{HOLD} and closed\n\n```js\nlet a = 1;\n```\n",
    "break": "Some text came before",
    "forever": f"It goes on{HOLD} and on",
    "think": "The answer is 42.",
}


@dataclass
class ScriptedBox:
    """What happened is open to the test: `requests` (bodies), `plans` (queries), `left` (a client went away in
    mid-answer)."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)
    plans: list[dict[str, str]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    ready: dict[str, str] = field(default_factory=lambda: {MODEL: "ready"})
    pinned: set[str] = field(default_factory=set)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    level: str = "calm"
    jobs: ScriptedJobs = field(default_factory=ScriptedJobs)
    key: str | None = None
    port: int = 0
    _changes: set[asyncio.Event] = field(default_factory=set)

    def start(self) -> None:
        """Listens on a free port, or again on the one it had."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self._app(), log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._gate = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tell(self) -> None:
        """Whoever listens to the events is told how things are now."""
        for changed in self._changes:
            self._loop.call_soon_threadsafe(changed.set)

    def open_gate(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.set)

    def _serve(self, listener: socket.socket) -> None:
        with listener, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve([listener]))

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                *page_routes(),
                Route("/box/models", self._models),
                Route("/box/events", self._events),
                Route("/box/boxes", self._boxes),
                Route("/box/plan", self._plan),
                Route("/box/history", self._history),
                Route("/box/decisions", self._decisions),
                Route("/box/session", self._session, methods=["GET", "POST", "DELETE"]),
                *self.jobs.routes(),
                Route("/box/{order:str}", self._order, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
            ]
        )

    async def _models(self, request: Request) -> Response:
        return JSONResponse(
            {
                "models": [
                    _model(MODEL, 98_362_432, 134_515_008, "Q4_1", 8192, self.ready.get(MODEL, "stored")),
                    _model(OTHER, 491_400_032, 494_032_768, "Q4_K_M", 32768, self.ready.get(OTHER, "stored")),
                ]
            }
        )

    async def _events(self, request: Request) -> Response:
        if self.key and request.cookies.get("tinderbox") != "a session":
            return refusal(401, "This box wants a key.")
        return StreamingResponse(self._news(), media_type="text/event-stream")

    async def _news(self) -> AsyncIterator[str]:
        changed = asyncio.Event()
        self._changes.add(changed)
        while True:
            yield f": still there\n\nevent: ps\ndata: {json.dumps(self._ps())}\n\n"
            await changed.wait()
            changed.clear()

    def _ps(self) -> dict[str, Any]:
        return scripted_ps(self.ready, self.pinned, self.waiting, self.level)

    async def _history(self, request: Request) -> Response:
        return JSONResponse(scripted_history())

    async def _decisions(self, request: Request) -> Response:
        return JSONResponse(scripted_decisions(request.query_params))

    async def _session(self, request: Request) -> Response:
        inside = request.cookies.get("tinderbox") == "a session"
        if request.method == "POST":
            inside = request.headers.get("authorization") == f"Bearer {self.key}"
        if self.key and not inside:
            return refusal(401, "That is no key of this box.")
        answer = JSONResponse({"session": inside, "key": self.key and "laptop", "scopes": ["chat", "models"]})
        if request.method == "POST":
            answer.set_cookie("tinderbox", "a session", httponly=True, samesite="strict")
        if request.method == "DELETE":
            answer.delete_cookie("tinderbox", httponly=True, samesite="strict")
        return answer

    async def _boxes(self, request: Request) -> Response:
        return JSONResponse({"boxes": [{"id": key, "name": name} for key, name in BOXES.items()]})

    async def _plan(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.plans.append(query)
        if query["model"] == HOLD:
            await self._gate.wait()
        refused = refused_plan(query)
        return refusal(*refused) if refused else JSONResponse(scripted_plan(query))

    async def _order(self, request: Request) -> Response:
        order, body = request.path_params["order"], await request.json()
        model = body["model"]
        self.orders.append((order, model))
        if order == "stop" and model in self.pinned:
            return refusal(503, f"{model} is still answering. Try again in a moment.")
        match order:
            case "load":
                self.ready[model] = "ready"
            case "pin":
                self.pinned ^= {model}
            case _:
                self.ready.pop(model)
        self.tell()
        return JSONResponse({})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        words = body["messages"][-1]["content"]
        if words == "refuse":
            return refusal(400, "The prompt has 9000 tokens; the context holds 8192. Shorten it.")
        return StreamingResponse(self._answer(words), media_type="text/event-stream")

    async def _answer(self, words: str) -> AsyncIterator[str]:
        try:
            if words == "think":
                yield _chunk({"reasoning_content": "Six times seven, let me see."})
            for piece in ANSWERS.get(words, f"You said: {words}").replace(" ", " \0").split("\0"):
                yield _chunk({"content": piece.replace(HOLD, "")})
                if HOLD in piece:
                    await self._gate.wait()
            yield _ending(words)
        except asyncio.CancelledError:
            self.left.set()
            raise


def _model(name: str, size: int, parameters: int, quantisation: str, context: int, state: str) -> dict[str, Any]:
    facts = {"name": name, "size": size, "parameters": parameters, "quantisation": quantisation}
    return facts | {"context_length": context, "state": state, "chat": True}


def _chunk(delta: dict[str, str]) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"


def _ending(words: str) -> str:
    if words == "break":
        return f"data: {json.dumps({'error': {'message': 'The engine ended (signal 9). Ask again.'}})}\n\n"
    usage = {"prompt_tokens": 38, "completion_tokens": 212, "total_tokens": 250}
    timings = {
        "prompt_n": 38,
        "prompt_per_second": 410.0,
        "predicted_n": 212,
        "predicted_per_second": 61.3,
        "cache_n": 0,
    }
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    sums = {"choices": [], "usage": usage, "timings": timings}
    return f"data: {json.dumps(last)}\n\ndata: {json.dumps(sums)}\n\ndata: [DONE]\n\n"

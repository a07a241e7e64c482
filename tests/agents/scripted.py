"""A model that says what the test has written down, and a shop that counts its orders: both at one address on loopback.

What the model says depends on how many results it has seen, so that it says the same to a process that goes on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Call = tuple[str, dict[str, Any]]  # a tool and its arguments


class Scripted(ThreadingHTTPServer):
    """`held` names what hangs: the answer after so many results, or "order". `reached` is set when it is asked for."""

    daemon_threads = True

    def __init__(self, script: list[Call]) -> None:
        super().__init__(("127.0.0.1", 0), _Speaker)
        self.script = script
        self.asked: list[dict[str, Any]] = []
        self.orders = 0
        self.held: int | str | None = None
        self.reached = threading.Event()
        self.over = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def hold(self, what: int | str) -> None:
        if what == self.held:
            self.reached.set()
            self.over.wait(60)


class _Speaker(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/order":
            self.server.orders += 1
            self.server.hold("order")
            self._say(b"ordered", "text/plain")
        else:
            self._say(json.dumps(self._answer(json.loads(body))).encode(), "application/json")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.server.asked.append(asked)
        seen = sum(message["role"] == "tool" for message in asked["messages"])
        self.server.hold(seen)
        name, arguments = self.server.script[seen]
        function = {"name": name, "arguments": json.dumps(arguments)}
        message = {"content": None, "tool_calls": [{"id": f"call-{seen}", "type": "function", "function": function}]}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 90}}
        return {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage}

    def _say(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def scripted(*script: Call) -> Iterator[Scripted]:
    server = Scripted(list(script))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()

"""A real web server for the tests: files with ranges and checksums, a hub, a package index, bad manners on demand."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Resource:
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


class Web:
    """`manners[path]` is what the next requests meet: `cut N`, `no range`, `status N`, `wait N` (then a drip, until
    `go` is set)."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.manners: dict[str, list[str]] = defaultdict(list)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.go = threading.Event()
        self.url = ""

    def put(self, path: str, content: bytes, **headers: str) -> str:
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.resources[path] = Resource(content, {"ETag": etag} | named)
        return self.url + path

    def put_json(self, path: str, value: Any, kind: str = "application/json") -> None:
        self.resources[path] = Resource(json.dumps(value).encode(), {"Content-Type": kind})

    def put_hub_model(self, repository: str, files: dict[str, bytes], licence: str = "mit") -> None:
        """As the Hugging Face hub has it: a list of files, and addresses that lead to another place."""
        commit = "c" * 40
        siblings = []
        for name, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            lfs = {"oid": sha256, "sha256": sha256, "size": len(content), "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(content), "lfs": lfs})
            place = self.put(f"/cdn/{sha256}", content)
            linked = {"X-Repo-Commit": commit, "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            for revision in ("main", commit):
                path = f"/{repository}/resolve/{revision}/{name}"
                self.resources[path] = Resource(b"", linked | {"Location": place}, status=302)
        facts = {"id": repository, "sha": commit, "siblings": siblings, "cardData": {"license": licence}}
        self.put_json(f"/api/models/{repository}", facts)

    def put_wheel(self, package: str, version: str, members: dict[str, bytes]) -> None:
        """As a package index has it (PEP 691)."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        file = f"{package.replace('-', '_')}-{version}-py3-none-any.whl"
        wheel = packed.getvalue()
        self.put(f"/files/{file}", wheel)
        entry = {"filename": file, "url": f"../../files/{file}", "size": len(wheel)}
        entry["hashes"] = {"sha256": hashlib.sha256(wheel).hexdigest()}
        self.put_json(f"/simple/{package}/", {"files": [entry]}, "application/vnd.pypi.simple.v1+json")

    def ranges(self, path: str) -> list[str | None]:
        """What each GET of that path asked for."""
        return [headers.get("range") for method, asked, headers in self.asked if (method, asked) == ("GET", path)]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    web = Web()
    answer = type("AnswerOfThisWeb", (Answer,), {"web": web})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answer)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        web.url = f"https://localhost:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield web
    finally:
        web.go.set()
        server.shutdown()
        server.server_close()


class Answer(BaseHTTPRequestHandler):
    web: Web

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.web.asked.append((self.command, path, {key.lower(): value for key, value in self.headers.items()}))
        manners = self.web.manners[path].pop(0) if self.web.manners[path] and self.command == "GET" else ""
        resource = self.web.resources.get(path, Resource(b"not here", {"X-Error-Code": "RepoNotFound"}, 404))
        if manners.startswith("status"):
            resource = Resource(b"", {}, int(manners.split()[1]))
        self.answer(path, resource, manners)

    def answer(self, path: str, resource: Resource, manners: str) -> None:
        start, size = self.start_of(resource, manners), len(resource.content)
        body = resource.content[start:]
        status, headers = resource.status, resource.headers | {"Content-Length": str(len(body))}
        if start:
            status = 206 if body else 416
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}" if body else f"bytes */{size}"
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.send(body, manners)

    def start_of(self, resource: Resource, manners: str) -> int:
        asked = self.headers.get("Range", "")
        if manners == "no range" or not asked.startswith("bytes=") or resource.status != 200:
            return 0
        if self.headers.get("If-Range") not in (None, resource.headers.get("ETag")):
            return 0
        return int(asked[6:].partition("-")[0])

    def send(self, body: bytes, manners: str) -> None:
        polite = int(manners.split()[1]) if manners.startswith(("cut", "wait")) else len(body)
        with suppress(ConnectionError):  # the asker may have been killed
            self.wfile.write(body[:polite])
            rest = body[polite:] if manners.startswith("wait") else b""
            while rest and not self.web.go.wait(0.05):
                self.wfile.write(rest[:1000])
                rest = rest[1000:]
            self.wfile.write(rest)

    def log_message(self, format: str, *args: Any) -> None:
        pass

"""Tiny wheels, an index on loopback that hands them out, and locks that name them."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tinderbox.environments.capability import Capability

NINE = tuple(f"tiny{number}" for number in range(9))  # more than pip is asked for at once


def build(folder: Path, name: str, version: str = "1.0") -> Path:
    """A wheel with one module, which knows its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in members) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in {**members, f"{info}/RECORD": record}.items():
            wheel.writestr(zipfile.ZipInfo(member), text)
    return path


def lock(folder: Path, *wheels: Path) -> Capability:
    """The capability `tiny`, whose lock names these wheels."""
    lines = [
        f"{path.name.split('-')[0]}=={path.name.split('-')[1]} \\\n"
        f"    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in wheels
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.lock").write_text("".join(lines))
    modules = tuple(path.name.split("-")[0] for path in wheels)
    return Capability("tiny", "be tried", modules, download=0, installed=0, locks=folder)


class Index(ThreadingHTTPServer):
    """Every wheel of a folder, by name; `asked` are the files that were, `held` the one that is not sent for now."""

    daemon_threads = True

    def __init__(self, wheels: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.wheels = wheels
        self.asked: list[str] = []
        self.held = ""
        self.reached = threading.Event()
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"


class _Answer(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        file = self.server.wheels / name
        if file.is_file():
            self._file(file)
        else:
            found = sorted(self.server.wheels.glob(f"{name}-*.whl"))
            self._send("text/html", "".join(f'<a href="/{path.name}">{path.name}</a>' for path in found).encode())

    def _file(self, file: Path) -> None:
        self.server.asked.append(file.name)
        if file.name == self.server.held:
            self.server.reached.set()
            self.server.over.wait()
        else:
            self._send("application/octet-stream", file.read_bytes())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        pass


@contextmanager
def serving(wheels: Path) -> Iterator[Index]:
    index = Index(wheels)
    thread = threading.Thread(target=index.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.over.set()
        index.shutdown()
        thread.join()
        index.server_close()

"""A client that goes away after the first piece of its answer."""

import asyncio
from typing import Any

from fastapi import FastAPI


async def pieces_sent_to_one_who_leaves(house: FastAPI, path: str, body: str) -> int:
    """How much the house still sent, from the answer's start on."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": body.encode()})
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == 2:
            inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.sleep(0)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await house(scope | {"headers": headers, "server": ("localhost", 80), "scheme": "http"}, inbox.get, send)
    return sent

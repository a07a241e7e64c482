"""`ask`: a question whose answer is wanted whole, by a route that tells it in a shape of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from tinderbox.engines.pool import Pool
from tinderbox.errors import EngineFailed
from tinderbox.serve.bodies import encoded
from tinderbox.serve.caller import caller_of
from tinderbox.serve.presence import while_here
from tinderbox.serve.relay import MOURNING, TRIES, is_embedding, refusal_of

Answer = dict[str, Any]


async def ask(pool: Pool, model: str, path: str, question: Mapping[str, Any], request: Request) -> Answer:
    """The engine's answer, charged to whoever sent the request. Raises what a Relay would tell a client, and
    ClientDisconnect once nobody waits for it any more: the engine is told to stop."""
    caller = caller_of(request.scope)
    holder = caller.holder if caller else ""
    asked = _ask(pool, model, path, encoded(question), holder if is_embedding(path) else None)
    answer = await while_here(request.receive, asked)
    if caller is not None:
        caller.spend(answer.get("usage", {}).get("total_tokens", 0))
    return answer


async def _ask(pool: Pool, model: str, path: str, body: bytes, owner: str | None) -> Answer:
    for _ in range(TRIES - 1):
        try:
            return await _ask_once(pool, model, path, body, owner)
        except EngineFailed:
            await pool.wait_gone(model, MOURNING)
    return await _ask_once(pool, model, path, body, owner)


async def _ask_once(pool: Pool, model: str, path: str, body: bytes, owner: str | None) -> Answer:
    async with pool.use(model, owner, embeds=is_embedding(path)) as engine:
        reply = await engine.reply(path, body)
        try:
            whole = b"".join([piece async for piece in reply.body])
        finally:
            reply.close()
    if reply.status >= 400:
        raise refusal_of(reply.status, whole)
    answer: Answer = json.loads(whole)
    return answer

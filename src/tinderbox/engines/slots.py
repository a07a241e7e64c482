"""The slots of a llama.cpp server: the conversations that it remembers, saved as it ends, restored as it starts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tinderbox.engines.caches import Shelf
from tinderbox.engines.engine import Reply
from tinderbox.errors import EngineFailed

SAVE_PATIENCE = 5.0  # seconds for all slots; what is not saved by then is read again
RESTORE_PATIENCE = 5.0  # seconds, after which no further slot is begun
LEAST = 64  # tokens; fewer are read again as fast as they are restored
_log = logging.getLogger(__name__)
Ask = Callable[[str, bytes | None], Awaitable[Reply]]


async def save_slots(ask: Ask, shelf: Shelf) -> None:
    """Save each conversation that is worth it, the last used first. A save that fails is lost alone.

    Raises EngineFailed when the server does not answer, TimeoutError when it takes too long.
    """
    async with asyncio.timeout(SAVE_PATIENCE):
        _, slots = await _say(ask, "/slots")
        for slot in worth_saving(slots):
            if (part := await asyncio.to_thread(shelf.begin)) is None:
                return
            try:
                status, _ = await _say(ask, f"/slots/{slot}?action=save", {"filename": part.name})
                if status == 200:
                    await asyncio.to_thread(shelf.keep, part)
            except OSError as error:
                _log.warning("A conversation is not saved: %s.", error)
            finally:
                part.unlink(missing_ok=True)


async def restore_slots(ask: Ask, shelf: Shelf, parallel: int) -> None:
    """Put the most recently used conversations back, the newest into the first slot: among slots that nobody has used
    since the load, a new conversation takes the last.

    Raises EngineFailed when the server does not answer: then it could not bear a save.
    """
    begun = asyncio.get_running_loop().time()
    saves = (await asyncio.to_thread(shelf.saves))[:parallel]
    for slot, save in enumerate(saves):
        if asyncio.get_running_loop().time() - begun > RESTORE_PATIENCE:
            return
        if await asyncio.to_thread(shelf.is_whole, save):
            status, answer = await _say(ask, f"/slots/{slot}?action=restore", {"filename": save.name})
            if status != 200:
                shelf.drop(save, str(answer))


def worth_saving(slots: list[dict[str, Any]]) -> list[int]:
    """The slots that hold a conversation which was used since the load and is not being answered; the last used first.

    One that was only restored says nothing of tokens: what it holds is on disk already.
    """
    idle = [slot for slot in slots if not slot["is_processing"] and slot.get("n_prompt_tokens", 0) >= LEAST]
    return [slot["id"] for slot in sorted(idle, key=lambda slot: -slot["id_task"])]


async def _say(ask: Ask, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    reply = await ask(path, None if body is None else json.dumps(body).encode())
    try:
        whole = b"".join([piece async for piece in reply.body])
    finally:
        reply.close()
    try:
        return reply.status, json.loads(whole)
    except ValueError as error:
        raise EngineFailed(f"The engine answered {path} with what is no JSON.") from error

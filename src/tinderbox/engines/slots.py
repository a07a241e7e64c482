"""The slots of a llama.cpp server: the conversations that it remembers, saved as it ends, restored as it starts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from tinderbox.engines.adapters import applied, number_of
from tinderbox.engines.caches import Shelf
from tinderbox.engines.engine import Reply
from tinderbox.errors import EngineFailed

SAVE_PATIENCE = 5.0  # seconds for all slots; what is not saved by then is read again
RESTORE_PATIENCE = 5.0  # seconds, after which no further slot is begun
LEAST = 64  # tokens; fewer are read again as fast as they are restored
_log = logging.getLogger(__name__)
Shelves = Mapping[int | None, Shelf]  # by the number of an adapter; None is the base
Ask = Callable[[str, bytes | None], Awaitable[Reply]]


async def save_slots(ask: Ask, shelves: Shelves, restored: Collection[int] = ()) -> None:
    """Save each conversation that is worth it, the last used first. A save that fails is lost alone. What was last
    touched by a task of `restored` is on disk already.

    Raises EngineFailed when the server does not answer, TimeoutError when it takes too long.
    """
    async with asyncio.timeout(SAVE_PATIENCE):
        _, slots = await _say(ask, "/slots")
        for slot in worth_saving([slot for slot in slots if slot.get("id_task") not in restored]):
            if (shelf := shelves.get(number_of(slot))) is None:
                continue
            if (part := await asyncio.to_thread(shelf.begin)) is None:
                return
            try:
                status, _ = await _say(ask, f"/slots/{slot['id']}?action=save", {"filename": part.name})
                if status == 200:
                    await asyncio.to_thread(shelf.keep, part)
            except OSError as error:
                _log.warning("A conversation is not saved: %s.", error)
            finally:
                part.unlink(missing_ok=True)


async def restore_slots(ask: Ask, shelves: Shelves, parallel: int) -> set[int]:
    """Put the most recently used conversations back, the newest into the first slot: among slots that nobody has used
    since the load, a new conversation takes the last. Returns the tasks that this took in slots.

    Raises EngineFailed when the server does not answer: then it could not bear a save.
    """
    begun = asyncio.get_running_loop().time()
    saves = (await asyncio.to_thread(_newest, shelves))[:parallel]
    for slot, (adapter, save) in enumerate(saves):
        if asyncio.get_running_loop().time() - begun > RESTORE_PATIENCE:
            break
        if await asyncio.to_thread(shelves[adapter].is_whole, save):
            await _prime(ask, slot, adapter)
            status, answer = await _say(ask, f"/slots/{slot}?action=restore", {"filename": save.name})
            if status != 200:
                shelves[adapter].drop(save, str(answer))
    if all(adapter is None for adapter, _ in saves):
        return set()
    _, slots = await _say(ask, "/slots")
    return {int(slot["id_task"]) for slot in slots if "id_task" in slot}


async def _prime(ask: Ask, slot: int, adapter: int | None) -> None:
    """Have a slot know with which adapter it was read what comes into it: a save does not say. Fresh ones know the
    base."""
    if adapter is not None:
        asked = {"prompt": "a", "n_predict": 0, "id_slot": slot, "lora": applied(adapter)}
        await _say(ask, "/completion", asked)


def _newest(shelves: Shelves) -> list[tuple[int | None, Path]]:
    """All saves with whose they are, the most recently used first."""
    found = [(adapter, save) for adapter, shelf in shelves.items() for save in shelf.saves()]
    return sorted(found, key=lambda one: _used(one[1]), reverse=True)


def _used(save: Path) -> int:
    try:
        return save.stat().st_mtime_ns
    except FileNotFoundError:  # another engine's save needed its room just now
        return 0


def worth_saving(slots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slots that hold a conversation which was used since the load and is not being answered; the last used first.

    One that was only restored says nothing of tokens: what it holds is on disk already.
    """
    idle = [slot for slot in slots if not slot["is_processing"] and slot.get("n_prompt_tokens", 0) >= LEAST]
    return sorted(idle, key=lambda slot: -slot["id_task"])


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

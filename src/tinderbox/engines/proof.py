"""One real token from llama.cpp that costs nobody their cached prefix.

A token needs a slot, and whatever is asked in a slot replaces what is cached there. So the newest conversation is asked
for its own next token: its cached tokens are sent as they are, all but the last are found in the cache, and the answer
is dropped. The newest, because asking makes a slot the newest one: the order in which others are given up stays.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from tinderbox.engines.engine import Reply
from tinderbox.errors import EngineFailed

Ask = Callable[[str, bytes | None], Awaitable[Reply]]
# Given; withheld, because it would have had a price now; dear: given, and much was read again for it.
Token = Literal["given", "withheld", "dear"]


async def ask_token(ask: Ask, *, embeds_only: bool = False, restored: bool = False) -> Token:
    """Ask for one. Withheld is an answer too: the loop that computes has given it. Raises EngineFailed.

    What was `restored` into slots is not told of; it would be given up before the slot that we ask in.
    """
    if embeds_only:
        await _say(ask, "/v1/embeddings", {"input": "a"})  # its slots hold nothing that anybody comes back to
        return "given"
    try:
        return await _ask_newest(ask, await _say(ask, "/slots"), restored)
    except (KeyError, TypeError):  # an engine that tells less of its slots than we need
        return "withheld"


async def _ask_newest(ask: Ask, slots: list[dict[str, Any]], restored: bool) -> Token:
    if any(slot["is_processing"] for slot in slots):
        return "withheld"
    newest = max(slots, key=lambda slot: int(slot.get("id_task", -1)))
    if "id_task" not in newest:  # nobody was answered yet
        if restored:
            return "withheld"
        await _say(ask, "/completion", {"prompt": "a", "n_predict": 1, "id_slot": newest["id"]})
        return "given"
    cached = newest["n_prompt_tokens"]
    text = newest["prompt"] + newest.get("generated", "")
    known = await _say(ask, "/tokenize", {"content": text, "add_special": False, "parse_special": True})
    # The last token of an answer that was cut at its length is known, but not cached.
    if not cached or len(known["tokens"]) not in (cached, cached + 1):
        return "withheld"
    wanted = {"prompt": known["tokens"][:cached], "n_predict": 1, "id_slot": newest["id"], "cache_prompt": True}
    if lora := newest.get("params", {}).get("lora"):
        wanted["lora"] = lora  # with another adapter than it was read with, the cache would be dropped
    answer = await _say(ask, "/completion", wanted)
    return "given" if answer["timings"]["cache_n"] >= cached - 1 else "dear"


async def ask_queue(ask: Ask) -> None:
    """Hear from the loop that computes, without computing. Raises EngineFailed."""
    await _say(ask, "/slots")


async def _say(ask: Ask, path: str, body: dict[str, Any] | None = None) -> Any:
    reply = await ask(path, None if body is None else json.dumps(body).encode())
    try:
        whole = b"".join([piece async for piece in reply.body])
    finally:
        reply.close()
    if reply.status != 200:
        raise EngineFailed(f"The engine answered {path} with status {reply.status}.")
    try:
        return json.loads(whole)
    except ValueError as error:
        raise EngineFailed(f"The engine answered {path} with what is no JSON.") from error

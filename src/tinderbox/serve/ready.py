"""A chat completion made ready for the model that it is for: with its template, and its room for an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from tinderbox.engines.pool import Pool
from tinderbox.models.store import Store
from tinderbox.serve.structure import FIELDS, Prepared, prepare

_CONTEXT = 8192  # tokens, where neither the pool nor the model says


async def make_ready(chat: dict[str, Any], pool: Pool, store: Store) -> Prepared:
    """Every API that asks for a chat completion asks this first. Raises BadRequest and NotFound."""
    if FIELDS.isdisjoint(chat):  # most chats ask for nothing of the kind
        return Prepared(chat)
    return await asyncio.to_thread(_ready, chat, pool, store)  # a large schema takes a moment to become a grammar


def _ready(chat: dict[str, Any], pool: Pool, store: Store) -> Prepared:
    card = store.find(chat["model"]).card()
    context = pool.context(chat["model"]) or min(card.context_length or _CONTEXT, _CONTEXT)
    return prepare(chat, card.template, context)

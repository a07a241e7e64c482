"""Which of the adapters that an engine has loaded a question is for.

llama.cpp applies what a question's field `lora` says. One without it would be answered from what its slot has cached,
whatever adapter that was read with: so every question of an engine with adapters says it, for the base alone too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinderbox.engines.engine import Answers, Reply


@dataclass(frozen=True, slots=True)
class Adapted:
    """An engine as one of its adapters answers, or its base where `number` is None."""

    engine: Answers
    number: int | None

    async def reply(self, path: str, body: bytes) -> Reply:
        return await self.engine.reply(path, adapted(body, self.number))


def applied(number: int | None) -> list[dict[str, Any]]:
    """As llama.cpp is told: adapters that are not named are not applied, and an empty list says nothing."""
    return [{"id": number or 0, "scale": 0.0 if number is None else 1.0}]


def adapted(body: bytes, number: int | None) -> bytes:
    """A JSON object with the field `lora`, written behind the others: of a name that comes twice the last counts."""
    scale = b"0.0" if number is None else b"1.0"
    return b'%b,"lora":[{"id":%d,"scale":%b}]}' % (body.rstrip()[:-1], number or 0, scale)


def number_of(slot: dict[str, Any]) -> int | None:
    """The adapter that what a slot holds was read with, as `/slots` tells it; None for the base alone."""
    lora = (slot.get("params") or {}).get("lora") or ()
    return next((int(one["id"]) for one in lora if one["scale"]), None)

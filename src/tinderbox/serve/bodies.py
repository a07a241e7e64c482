"""What the bodies of requests may cost: one event loop serves everybody, and reading JSON holds it up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticSerializationError, to_json
from starlette.exceptions import HTTPException

from tinderbox.units import MiB

Value = TypeVar("Value")
Items = Annotated[list[Value], Field(fail_fast=True)]  # the first wrong value is told, not the thousands after it
MOST_FIELDS = 200  # of one object; each that is wrong would be told
HEAVIEST = 48_000_000  # nanoseconds, about, that a body may take to read
_LARGE = MiB  # bytes from which on a body is read in a thread


class Scales:
    """Weighs a body of JSON while it comes: how long will it take to read? A value of few bytes takes as long as many
    letters, so bytes alone do not tell. The weights were measured with `json.loads`."""

    def __init__(self) -> None:
        self.weight = 0
        self._in_string = 0
        self._half = b""  # of an escape that a piece ended in

    def add(self, piece: bytes) -> None:
        """Raises HTTPException (413) where it has become too much."""
        text = self._half + piece
        cut = (len(text) - len(text.rstrip(b"\\"))) % 2
        self._half, text = text[len(text) - cut :], text[: len(text) - cut]
        plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = plain.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= (len(parts) - 1) % 2
        escapes = (len(text) - len(plain)) // 2 + plain.count(b"\\")
        nested = outside.count(b"{") + outside.count(b"[")
        self.weight += len(piece) + 4 * escapes + 50 * len(parts) + 150 * nested + 60 * outside.count(b",")
        if self.weight > HEAVIEST:
            raise HTTPException(413, "The body holds too many values. Send less at once.")


class Body(BaseModel):
    """What a client sends, or an object in it, of which every field is known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check_fields(cls, value: object) -> object:
        return few(value)


def few(value: object) -> object:
    """As it is. Raises ValueError for an object of too many fields."""
    if isinstance(value, dict) and len(value) > MOST_FIELDS:
        raise ValueError(f"more than {MOST_FIELDS} fields")
    return value


Notes = Annotated[dict[str, str], BeforeValidator(few, json_schema_input_type=dict[str, str])]


class Patient(APIRoute):
    """A route whose large bodies are read in a thread."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_patiently(request: Request) -> Response:
            return await handle(_Body(request.scope, request.receive))

        return handle_patiently


class _Body(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = await decoded(await self.body())
        return self._json


async def decoded(body: bytes) -> Any:
    """What a JSON body says. Raises ValueError."""
    return await asyncio.to_thread(json.loads, body) if len(body) > _LARGE else json.loads(body)


def encoded(value: Mapping[str, Any]) -> bytes:
    """As JSON, in a third of the time that `json.dumps` takes."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # half a character, which only an escape can say: the engine's to judge
        return json.dumps(value).encode()

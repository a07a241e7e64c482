"""Can a value be two of the branches of a `oneOf`? Only such are held to, of which it is plain that none can."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.schema import TYPES, Schema, same

Flat = Callable[[Schema], Schema]


def are_apart(branches: list[Schema], place: str, flat: Flat) -> None:
    """Raise BadRequest for the first two branches of which a value might be both."""
    for (one, some), (two, other) in combinations(enumerate(branches), 2):
        if not _apart(some, other, flat):
            raise BadRequest(
                f"'{place}.oneOf': a value might be both {one} and {two}, and a grammar cannot say 'one of them only'.",
                "Say anyOf, or tell the branches apart by a required property with a const.",
                f"{place}.oneOf",
            )


def _apart(one: Schema, other: Schema, flat: Flat) -> bool:
    one, other = flat(one), flat(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is False or other is False
    if (some := _values(one)) is not None and (others := _values(other)) is not None:
        return not some & others
    if not _types(one) & _types(other):
        return True
    return _types(one) & _types(other) == {"object"} and _objects_apart(one, other, flat)


def _types(schema: dict[str, Any]) -> set[str]:
    if (values := schema.get("enum", [schema["const"]] if "const" in schema else None)) is not None:
        return {_type(value) for value in values}
    named = schema.get("type", list(TYPES))
    names = {named} if isinstance(named, str) else set(named)
    return {"number" if name == "integer" else name for name in names}


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _values(schema: Schema) -> set[str] | None:
    if isinstance(schema, bool) or not {"enum", "const"} & set(schema):
        return None
    return {same(value) for value in schema.get("enum", [schema.get("const")])}


def _objects_apart(one: dict[str, Any], other: dict[str, Any], flat: Flat) -> bool:
    """Objects that name a property which the other never has, or have one whose values never meet."""
    if _lacks(one, other) or _lacks(other, one):
        return True
    shared = set(one.get("required", [])) & set(other.get("required", []))
    return any(_apart(_property(one, name), _property(other, name), flat) for name in shared)


def _lacks(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """What follows `one` never has a property that `other` requires."""
    open_ended = one.get("additionalProperties", not one.get("properties")) is not False
    if open_ended or one.get("patternProperties"):
        return False
    return bool(set(other.get("required", [])) - set(one.get("properties", {})) - set(one.get("required", [])))


def _property(schema: dict[str, Any], name: str) -> Schema:
    found: Schema = schema.get("properties", {}).get(name, True)
    return found

"""Is a value what a schema asks for? For the values of an `enum`, and for calls that a model wrote as plain text.

Keywords that answers cannot be held to are passed over: a call is then taken at its word.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.automaton import automaton
from tinderbox.serve.structure.schema import Schema, look_up, same
from tinderbox.serve.structure.text import FORMATS

_DEEPEST = 100


def is_valid(value: Any, schema: Schema, root: Schema, depth: int = 0) -> bool:
    if isinstance(schema, bool) or depth > _DEEPEST:
        return schema is not False
    if "$ref" in schema and not is_valid(value, look_up(root, schema["$ref"], ""), root, depth + 1):
        return False
    return (
        _has_type(value, schema.get("type"))
        and ("const" not in schema or same(value) == same(schema["const"]))
        and ("enum" not in schema or same(value) in map(same, schema["enum"]))
        and all(is_valid(value, part, root, depth + 1) for part in schema.get("allOf", []))
        and _is_chosen(value, schema, root, depth)
        and _fits(value, schema, root, depth)
    )


def _has_type(value: Any, wanted: Any) -> bool:
    return wanted is None or any(_is(value, name) for name in ([wanted] if isinstance(wanted, str) else wanted))


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool) or value is None:
        return name == ("null" if value is None else "boolean")
    if isinstance(value, int | float):
        return name == "number" or (name == "integer" and float(value).is_integer())
    return isinstance(value, {"string": str, "array": list, "object": dict}.get(name, ()))


def _is_chosen(value: Any, schema: dict[str, Any], root: Schema, depth: int) -> bool:
    any_of, one_of = (schema.get(keyword) for keyword in ("anyOf", "oneOf"))
    return (any_of is None or any(is_valid(value, part, root, depth + 1) for part in any_of)) and (
        one_of is None or sum(is_valid(value, part, root, depth + 1) for part in one_of) == 1
    )


def _fits(value: Any, schema: dict[str, Any], root: Schema, depth: int) -> bool:
    match value:
        case str():
            return _fits_text(value, schema)
        case bool() | None:
            return True
        case int() | float():
            return _fits_number(value, schema)
        case list():
            return _fits_array(value, schema, root, depth)
        case _:
            return _fits_object(value, schema, root, depth)


def _fits_text(value: str, schema: dict[str, Any]) -> bool:
    patterns = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else schema.get("pattern", [])
    formats = [schema["format"]] if isinstance(schema.get("format"), str) else schema.get("format", [])
    try:
        matched = all(
            automaton(pattern).accepts(value) for pattern in [*patterns, *(FORMATS.get(f, "") for f in formats)]
        )
    except BadRequest:
        matched = True
    return matched and _within(len(value), schema, "Length")


def _within(count: int, schema: dict[str, Any], of: str) -> bool:
    return bool(schema.get(f"min{of}", 0) <= count <= schema.get(f"max{of}", count))


def _fits_number(value: float, schema: dict[str, Any]) -> bool:
    step = schema.get("multipleOf")
    return bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
        and (step is None or (Fraction(str(value)) / Fraction(str(step))).denominator == 1)
    )


def _fits_array(value: list[Any], schema: dict[str, Any], root: Schema, depth: int) -> bool:
    items = schema.get("items", True)
    first = schema.get("prefixItems", items if isinstance(items, list) else [])
    rest = schema.get("additionalItems", True) if isinstance(items, list) else items
    wanted = [*first, *[rest] * (len(value) - len(first))]
    return (
        _within(len(value), schema, "Items")
        and not (schema.get("uniqueItems") and len({same(item) for item in value}) < len(value))
        and all(is_valid(item, part, root, depth + 1) for item, part in zip(value, wanted, strict=False))
    )


def _fits_object(value: dict[str, Any], schema: dict[str, Any], root: Schema, depth: int) -> bool:
    named, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    if "patternProperties" in schema:
        rest = True
    return (
        _within(len(value), schema, "Properties")
        and all(name in value for name in schema.get("required", []))
        and all(is_valid(inner, named.get(name, rest), root, depth + 1) for name, inner in value.items())
    )

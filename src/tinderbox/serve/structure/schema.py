"""JSON Schema as outside data: checked keyword by keyword before anything is made of it, references resolved, two
schemas that must both hold joined into one.

Refused by name: keywords that no grammar can hold (`not`, `if`, `contains` ...), and such as are written wrongly.
Keywords that no validator knows are notes of their author's, and pass, unless they look like a slip of the pen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from tinderbox.errors import BadRequest, did_you_mean

Schema = dict[str, Any] | bool

_DEEPEST = 64
_MOST = 5000  # schemas within a schema
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_NOTES = """title description default examples example deprecated readOnly writeOnly discriminator nullable strict
contentEncoding contentMediaType contentSchema $schema $id id $anchor $comment"""
_REFUSED = """not if then else contains minContains maxContains dependentSchemas dependencies unevaluatedProperties
unevaluatedItems $dynamicRef $dynamicAnchor $recursiveRef $vocabulary"""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_type(value: object) -> bool:
    names = [value] if isinstance(value, str) else value
    return isinstance(names, list) and bool(names) and all(name in TYPES for name in names)


def _is_schema(value: object) -> bool:
    return isinstance(value, dict | bool)


def _are_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_schema(one) for one in value)


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(_is_schema(one) for one in value.values())


_Check = tuple[Callable[[object], bool], str]
_TEXT: _Check = (lambda value: isinstance(value, str), "a string")
_COUNT: _Check = (_is_count, "a whole number, 0 or more")
_NUMBER: _Check = (_is_number, "a number")
_SCHEMA: _Check = (_is_schema, "a schema")
_SCHEMAS: _Check = (_are_schemas, "a list of schemas")
_MAP: _Check = (_is_map, "an object of schemas")
_CHECKS: dict[str, _Check] = {
    "type": (_is_type, f"one or more of {', '.join(TYPES)}"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list of values"),
    "const": (lambda value: True, ""),
    "$ref": (
        lambda value: isinstance(value, str) and (value == "#" or value.startswith("#/")),
        "a place in the schema (#/$defs/...)",
    ),
    "required": (_are_words, "a list of names"),
    "dependentRequired": (
        lambda value: isinstance(value, dict) and all(map(_are_words, value.values())),
        "lists of names",
    ),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),  # type: ignore[operator]
    "items": (lambda value: _is_schema(value) or _are_schemas(value), "a schema, or a list of schemas"),
    **dict.fromkeys(("pattern", "format"), _TEXT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _SCHEMAS),
    **dict.fromkeys(("additionalProperties", "additionalItems", "propertyNames"), _SCHEMA),
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions"), _MAP),
}


def check(schema: object, place: str) -> None:
    """Raise BadRequest, naming the place, for the first keyword that is broken or cannot be kept."""
    left = _MOST
    waiting: list[tuple[object, str, int]] = [(schema, place, 0)]
    while waiting:
        inner, where, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > _DEEPEST:
            raise BadRequest(f"The schema is too large: over {_MOST} parts, or {_DEEPEST} deep.", "Shorten it.", place)
        if not isinstance(inner, dict | bool):
            raise BadRequest(f"'{where}' is no schema.", "An object, true or false is wanted.", where)
        if isinstance(inner, dict):
            _check_keywords(inner, where)
            waiting += ((child, f"{where}.{name}", depth + 1) for name, child in _children(inner))


def _check_keywords(schema: dict[str, Any], place: str) -> None:
    for keyword, value in schema.items():
        where = f"{place}.{keyword}"
        if keyword in _REFUSED.split():
            raise BadRequest(
                f"'{where}': answers cannot be held to '{keyword}'.",
                "Leave it out, or say it with anyOf or enum.",
                where,
            )
        if keyword in _CHECKS:
            fits, wanted = _CHECKS[keyword]
            if not fits(value):
                raise BadRequest(f"'{where}' is wrong: {wanted} is wanted.", "", where)
        elif keyword not in _NOTES.split() and (near := _slip(keyword)):
            raise BadRequest(f"'{where}' is no keyword.", near, where)


def _slip(keyword: str) -> str:
    """The keyword that an unknown one is a misspelling of; an author's own notes look like none."""
    near = did_you_mean(keyword, [known for known in _CHECKS if abs(len(known) - len(keyword)) <= 1 and len(known) > 4])
    same = sum(a == b for a, b in zip(keyword, near.removeprefix("Did you mean ").rstrip("?"), strict=False))
    return near if near and same >= len(keyword) - 3 and not keyword.startswith("x-") else ""


def _children(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for keyword in ("properties", "patternProperties", "$defs", "definitions"):
        yield from ((f"{keyword}.{name}", child) for name, child in schema.get(keyword, {}).items())
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems", "items"):
        if isinstance(children := schema.get(keyword), list):
            yield from ((f"{keyword}.{number}", child) for number, child in enumerate(children))
    for keyword in ("items", "additionalProperties", "additionalItems", "propertyNames"):
        if isinstance(child := schema.get(keyword), dict):
            yield keyword, child


def look_up(root: Schema, reference: str, place: str) -> Schema:
    """What `#/...` points to. Raises BadRequest where there is no schema."""
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            found = None
    if not isinstance(found, dict | bool):
        raise BadRequest(f"'{place}.$ref': there is no schema at {reference!r}.", "", f"{place}.$ref")
    return found


def recursive(root: Schema, place: str) -> frozenset[str]:
    """The references that lead back to themselves."""
    leads: dict[str, set[str]] = {}
    waiting = list(_references(root))
    while waiting:
        reference = waiting.pop()
        if reference not in leads:
            leads[reference] = _references(look_up(root, reference, place))
            waiting.extend(leads[reference])
    return frozenset(reference for reference in leads if reference in _reached(leads, reference))


def _reached(leads: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(leads[start])
    while waiting:
        reference = waiting.pop()
        if reference not in found:
            found.add(reference)
            waiting.extend(leads[reference])
    return found


def _references(schema: Schema) -> set[str]:
    """The references within a schema, its definitions left out: they count where they are referred to."""
    found: set[str] = set()
    waiting: list[Schema] = [schema]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            found |= {inner["$ref"]} if "$ref" in inner else set()
            waiting += (child for name, child in _children(inner) if not name.startswith(("$defs.", "definitions.")))
    return found


def same(value: object) -> str:
    """A text that two values share when JSON Schema calls them equal (1 and 1.0, but not 1 and true)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return "[" + ",".join(map(same, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{same(value[key])}" for key in sorted(value)) + "}"
    return json.dumps(value)

"""Two schemas that must both hold, as one: what `allOf`, and keywords beside `$ref` and `anyOf`, come to."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.schema import TYPES, Schema, same

_MOST_CHOICES = 256


def merge(one: Schema, other: Schema, place: str) -> Schema:
    """Raises BadRequest where the two cannot be told as one."""
    if isinstance(one, bool):
        return other if one else False
    if isinstance(other, bool):
        return one if other else False
    if not one or not other:
        return one or other
    joined: dict[str, Any] = {}
    for keyword in [*one, *(name for name in other if name not in one)]:
        if keyword in _OBJECT_KEYWORDS:
            continue
        if keyword in one and keyword in other:
            joined[keyword] = _join(keyword, one[keyword], other[keyword], place)
        else:
            joined[keyword] = one.get(keyword, other.get(keyword))
    _check_tuples(one, other, place)
    return joined | _objects(one, other, place)


_OBJECT_KEYWORDS = {"properties", "additionalProperties", "patternProperties"}


def _join(keyword: str, one: Any, other: Any, place: str) -> Any:
    if keyword in _BOTH:
        return _BOTH[keyword](one, other)
    if keyword in {"items", "additionalItems"}:
        return merge(one, other, f"{place}.{keyword}")
    if keyword in {"anyOf", "oneOf"}:
        return _choices(keyword, one, other, place)
    if keyword in {"propertyNames", "const"} and same(one) != same(other):
        raise BadRequest(f"'{place}': two different '{keyword}' that must both hold.", "Keep one.", place)
    return one


def _types(one: Any, other: Any) -> list[str]:
    """A number that must be an integer is one."""
    first, second = (_spread(value) for value in (one, other))
    found = [name for name in TYPES if name in first and name in second]
    return [name for name in found if name != "integer" or "number" not in found] or ["nothing"]


def _spread(value: Any) -> set[str]:
    names = {value} if isinstance(value, str) else set(value)
    return names | {"integer"} if "number" in names else names


def _choices(keyword: str, one: list[Any], other: list[Any], place: str) -> list[Any]:
    if keyword == "oneOf":
        raise BadRequest(f"'{place}': two 'oneOf' that must both hold.", "Say one of them with anyOf.", place)
    if len(one) * len(other) > _MOST_CHOICES:
        raise BadRequest(f"'{place}': more than {_MOST_CHOICES} choices.", "Ask for something simpler.", place)
    return [{"allOf": [first, second]} for first in one for second in other]


def _steps(one: Any, other: Any) -> float | int:
    first, second = Fraction(str(one)), Fraction(str(other))
    common = Fraction(math.lcm(first.numerator, second.numerator), math.gcd(first.denominator, second.denominator))
    return int(common) if common.denominator == 1 else float(common)


def _values(one: list[Any], other: list[Any]) -> list[Any]:
    known = {same(value) for value in other}
    return [value for value in one if same(value) in known]


def _all(one: Any, other: Any) -> list[Any]:
    return [*(one if isinstance(one, list) else [one]), *(other if isinstance(other, list) else [other])]


def _lists(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [*one.get(name, []), *other.get(name, [])] for name in {**one, **other}}


_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": _values,
    "multipleOf": _steps,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "dependentRequired": _lists,
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("pattern", "format", "allOf"), _all),
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


def _check_tuples(one: dict[str, Any], other: dict[str, Any], place: str) -> None:
    """Places of a tuple in one schema and items in the other would have to be paired."""
    tuples = [isinstance(side.get("items"), list) or "prefixItems" in side for side in (one, other)]
    if any(tuples) and all("items" in side or "prefixItems" in side for side in (one, other)):
        raise BadRequest(f"'{place}': items of a tuple that must also be items of another schema.", "Join them.", place)


def _objects(one: dict[str, Any], other: dict[str, Any], place: str) -> dict[str, Any]:
    if not any(keyword in side for keyword in _OBJECT_KEYWORDS for side in (one, other)):
        return {}
    if any("patternProperties" in side for side in (one, other)):
        if all(_OBJECT_KEYWORDS & set(side) for side in (one, other)):
            raise BadRequest(f"'{place}.patternProperties' cannot be joined with another schema.", "", place)
        return {keyword: side[keyword] for side in (one, other) for keyword in _OBJECT_KEYWORDS if keyword in side}
    found: dict[str, Any] = {"properties": _properties(one, other, place)}
    rest = [side["additionalProperties"] for side in (one, other) if "additionalProperties" in side]
    if rest:
        found["additionalProperties"] = rest[0] if len(rest) == 1 else merge(rest[0], rest[1], place)
    return found


def _properties(one: dict[str, Any], other: dict[str, Any], place: str) -> dict[str, Schema]:
    """A property that one side does not name is for that side an additional one."""
    named = [side.get("properties", {}) for side in (one, other)]
    rest = [side.get("additionalProperties", True) for side in (one, other)]
    return {
        name: merge(named[0].get(name, rest[0]), named[1].get(name, rest[1]), f"{place}.properties.{name}")
        for name in {**named[0], **named[1]}
    }

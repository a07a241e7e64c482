"""Objects of a schema in a grammar: the properties it names, in their order, then what else it allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.automaton import automaton
from tinderbox.serve.structure.merge import merge
from tinderbox.serve.structure.schema import Schema
from tinderbox.serve.structure.sequence import Member, Rest, in_sequence
from tinderbox.serve.structure.text import quote
from tinderbox.serve.structure.validity import is_valid

if TYPE_CHECKING:
    from tinderbox.serve.structure.grammar import Grammar

_MOST_FREE = 16  # properties without a name in the schema


def object_expression(grammar: Grammar, schema: dict[str, Any], place: str, level: int) -> str | None:
    required = _required(schema)
    members = []
    for name, inner in _named(schema, required, place).items():
        text = grammar.expression(inner, f"{place}.properties.{name}", level)
        if text is not None:
            members.append(Member(f"{quote(json.dumps(name, ensure_ascii=False) + ':')} gap {text}", name in required))
        elif name in required:
            return None
    rest = _rest(grammar, schema, place, level)
    low, high = schema.get("minProperties", 0), schema.get("maxProperties")
    body = in_sequence(grammar.rule, members, rest, low, high, "}")
    return None if body is None else grammar.rule(f'"{{" gap {body}')


def _required(schema: dict[str, Any]) -> set[str]:
    """What must be there, and what must be there with it: where one property asks for another, both are given."""
    wanted = set(schema.get("required", []))
    companions = schema.get("dependentRequired", {})
    named = set(schema.get("properties", {})) | wanted
    return wanted.union(*(companions[name] for name in companions if name in named), set())


def _named(schema: dict[str, Any], required: set[str], place: str) -> dict[str, Schema]:
    named: dict[str, Schema] = dict(schema.get("properties", {}))
    patterns = schema.get("patternProperties", {})
    missing = [name for name in [*schema.get("required", []), *sorted(required)] if name not in named]
    for name in dict.fromkeys(missing):
        matches = any(automaton(pattern).accepts(name) for pattern in patterns)
        named[name] = True if matches else schema.get("additionalProperties", True)
    for pattern, inner in patterns.items():
        for name in filter(automaton(pattern).accepts, list(named)):
            named[name] = merge(named[name], inner, f"{place}.properties.{name}")
    names = schema.get("propertyNames", True)
    return {name: inner if is_valid(name, names, names) else False for name, inner in named.items()}


def _rest(grammar: Grammar, schema: dict[str, Any], place: str, level: int) -> Rest | None:
    """Properties without a name in the schema, where it asks for them: an answer has none that nobody asked for."""
    patterns = schema.get("patternProperties", {})
    if patterns:
        return _patterned(grammar, schema, place, level)
    allowed = schema.get("additionalProperties", not schema.get("properties") and not schema.get("required"))
    text = grammar.expression(allowed, f"{place}.additionalProperties", level) if allowed is not False else None
    if text is None:
        return None
    names = schema.get("propertyNames")
    if names is None or names is True:
        key = grammar.free_key(tuple(sorted(schema.get("properties", {}))))
    elif schema.get("properties"):
        return None
    else:
        key = grammar.expression(
            merge({"type": "string"}, names, f"{place}.propertyNames"), f"{place}.propertyNames", level
        )
    return Rest(grammar.rule(f'{key} ":" gap {text}'), _MOST_FREE) if key else None


def _patterned(grammar: Grammar, schema: dict[str, Any], place: str, level: int) -> Rest | None:
    """Keys that match a pattern; with several patterns a key might match two, and have to be both."""
    patterns = schema["patternProperties"]
    where = f"{place}.patternProperties"
    if len(patterns) > 1 or "propertyNames" in schema:
        raise BadRequest(f"'{where}': answers can be held to one pattern only.", "Name the properties.", where)
    pattern, inner = next(iter(patterns.items()))
    text = grammar.expression(inner, f"{where}.{pattern}", level)
    key = grammar.free_key(tuple(sorted(schema.get("properties", {}))), pattern)
    return Rest(grammar.rule(f'{key} ":" gap {text}'), _MOST_FREE) if key and text else None

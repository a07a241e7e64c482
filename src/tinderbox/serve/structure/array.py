"""Arrays of a schema in a grammar: tuples, lists, and sets of what can be counted up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.schema import Schema, same
from tinderbox.serve.structure.sequence import Member, in_sequence
from tinderbox.serve.structure.text import quote
from tinderbox.serve.structure.validity import is_valid

if TYPE_CHECKING:
    from tinderbox.serve.structure.grammar import Grammar


def array_expression(grammar: Grammar, schema: dict[str, Any], place: str, level: int) -> str | None:
    items: Any = schema.get("items", True)
    first = schema.get("prefixItems", items if isinstance(items, list) else [])
    rest = schema.get("additionalItems", True) if isinstance(items, list) else items
    if first and "items" not in schema and "additionalItems" not in schema:
        rest = False  # a tuple: nobody asked for more
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    if high is not None and high < low:
        return None
    if low > 1024:
        raise BadRequest(f"'{place}.minItems': at most 1024 items can be asked for.", "", f"{place}.minItems")
    if schema.get("uniqueItems") and (high is None or high > 1):
        return _set(grammar, first, rest, low, high, place, level)
    return _list(grammar, first, rest, low, high, place, level)


def _list(
    grammar: Grammar, first: list[Schema], rest: Schema, low: int, high: int | None, place: str, level: int
) -> str | None:
    given = []
    for number, schema in enumerate(first[:high]):
        text = grammar.expression(schema, f"{place}.prefixItems.{number}", level)
        if text is None:
            rest = False  # the tuple ends here
            break
        given.append(text)
    item = grammar.expression(rest, f"{place}.items", level) if rest is not False and high != len(given) else None
    least = max(0, low - len(given))
    if item is None:
        return None if least else grammar.rule('"[" gap ' + _closed(given)) if given else '"[]"'
    most = max(least, grammar.most_items(low, high) - len(given))
    following = grammar.rule(f'"," gap {item}')
    if given:
        return grammar.rule('"[" gap ' + _closed([*given], f"{following}{{{least},{most}}}"))
    if not most:
        return '"[]"'
    several = f'{item} {following}{{{max(0, least - 1)},{most - 1}}} gap "]"'
    return grammar.rule(f'"[" gap {several}' if least else f'"[" gap ({several} | "]")')


def _closed(given: list[str], more: str = "") -> str:
    listed = ' "," gap '.join(given)
    return f'{listed} {more} gap "]"'


def _set(
    grammar: Grammar, first: list[Schema], rest: Schema, low: int, high: int | None, place: str, level: int
) -> str | None:
    """Values that can be counted up, each at most once: in their order, which a set does not have."""
    flat = grammar.flat(rest, f"{place}.items", level)[0]
    values = _values(flat)
    if first or values is None:
        where = f"{place}.uniqueItems"
        raise BadRequest(f"'{where}': answers can be held to it for items with an 'enum' only.", "Leave it out.", where)
    alone = {name: value for name, value in flat.items() if name != "enum"} if isinstance(flat, dict) else flat
    right = {same(value): value for value in values if is_valid(value, alone, alone)}
    members = [Member(quote(json.dumps(value, ensure_ascii=False)), required=False) for value in right.values()]
    body = in_sequence(grammar.rule, members, None, low, high, "]")
    return None if body is None else grammar.rule(f'"[" gap {body}')


def _values(schema: Schema) -> list[Any] | None:
    if isinstance(schema, bool):
        return None
    if "enum" in schema or "const" in schema:
        return list(schema.get("enum", [schema.get("const")]))
    return [False, True] if schema.get("type") == "boolean" else None

"""A schema as a grammar in llama.cpp's notation: whatever follows it parses, and is what the schema asks for.

The grammar holds fewer texts than the schema does, never others: properties come in their order, numbers without
exponents, strings and lists as long as the answer has room for, references that lead back to themselves up to a depth.
What cannot be held to is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.apart import are_apart
from tinderbox.serve.structure.array import array_expression
from tinderbox.serve.structure.automaton import Automaton, relieved
from tinderbox.serve.structure.members import object_expression
from tinderbox.serve.structure.merge import merge
from tinderbox.serve.structure.numbers import Range, number_automaton
from tinderbox.serve.structure.schema import Schema, check, look_up, recursive
from tinderbox.serve.structure.text import CHAR, FORMATS, one_of, text_automaton, write
from tinderbox.serve.structure.validity import is_valid

_LEVELS = 6  # of references that lead back to themselves
_ANY_DEPTH = 3  # of a value of which nothing is said
_MOST_STEPS = 20_000
_MOST_RULES = 20_000
_LARGEST = 1_000_000  # characters
_LONGEST_TEXT = 16_384
_BLOCK = 256
_LONGEST_KEY = 60
_FREE_KEY = "^[A-Za-z_][A-Za-z0-9_ -]{0,39}$"
_TYPE_OF = {
    "object": "properties required additionalProperties patternProperties propertyNames minProperties maxProperties",
    "array": "items prefixItems minItems maxItems uniqueItems",
    "string": "pattern format minLength maxLength",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long what the schema does not bound may become: characters of a string, items of a list."""

    text: int = 2048
    items: int = 64


class Grammar:
    """Rules under way. `add` gives the expression for a schema; `root` ends it all."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._rules: dict[str, str] = {"gap": r'(" " | "\n" " "{0,12})?', "char": CHAR}
        self._known: dict[object, str | None] = {}
        self._root: Schema = True
        self._recursive: frozenset[str] = frozenset()
        self._steps = 0

    def add(self, schema: Schema, place: str) -> str:
        """Raises BadRequest, naming the place, for what is broken, cannot be held to, or allows nothing at all."""
        check(schema, place)
        self._root = schema
        self._recursive = recursive(schema, place)
        self._known = {key: name for key, name in self._known.items() if not isinstance(key, _Reference)}
        try:
            found = self.expression(schema, place, 0)
        except BadRequest as error:
            raise BadRequest(error.what, error.remedy, error.field or place) from error
        if found is None:
            raise BadRequest(
                f"Nothing can be what '{place}' asks for.", "Look for bounds that exclude each other.", place
            )
        return found

    def rule(self, body: str) -> str:
        name = f"r{len(self._rules)}"
        self._set(name, body)
        return name

    def text(self, root: str) -> str:
        found = "\n".join(f"{name} ::= {body}" for name, body in ({"root": root} | self._rules).items()) + "\n"
        if len(found) > _LARGEST:
            raise BadRequest(f"The grammar of the schema has over {_LARGEST} characters.", "Ask for something simpler.")
        return found

    def _set(self, name: str, body: str) -> None:
        self._rules[name] = body
        if len(self._rules) > _MOST_RULES:
            raise BadRequest("The schema is too large for a grammar.", "Ask for something simpler.")

    def _once(self, key: object, make: Callable[[], str | None]) -> str | None:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def expression(self, schema: Schema, place: str, level: int) -> str | None:
        """The expression for a schema within the one added; None where nothing can be it."""
        if isinstance(schema, dict) and "$ref" in schema and len(schema) == 1:
            return self._once(_Reference(schema["$ref"], level), lambda: self._flat_expression(schema, place, level))
        return self._flat_expression(schema, place, level)

    def _flat_expression(self, schema: Schema, place: str, level: int) -> str | None:
        schema, level = self.flat(schema, place, level)
        if isinstance(schema, bool) or not schema:
            return self._any(_ANY_DEPTH) if schema is not False else None
        if "const" in schema or "enum" in schema:
            return self._literals(schema)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._choice(schema, keyword, place, level)
        types = _types(schema)
        found = [self._typed(name, schema, place, level) for name in types]
        return self._either([one for one in found if one is not None])

    def flat(self, schema: Schema, place: str, level: int) -> tuple[Schema, int]:
        """The same without `$ref` and `allOf`, and the level it stands on; False beyond the last level."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise BadRequest("The schema has too many ways to be read.", "Ask for something simpler.", place)
        if isinstance(schema, bool):
            return schema, level
        parts = list(schema.get("allOf", []))
        if "$ref" in schema:
            level += schema["$ref"] in self._recursive
            if level > _LEVELS:
                return False, level
            parts.append(look_up(self._root, schema["$ref"], place))
        found: Schema = {
            name: value for name, value in schema.items() if name not in {"$ref", "allOf", "$defs", "definitions"}
        }
        deepest = level
        for part in parts:
            inner, reached = self.flat(part, place, level)
            deepest = max(deepest, reached)
            found = merge(found, inner, place)
        if parts and isinstance(found, dict) and "allOf" in found:
            return self.flat(found, place, deepest)
        return found, deepest

    def _either(self, expressions: list[str]) -> str | None:
        unique = list(dict.fromkeys(expressions))
        return self.rule(" | ".join(unique)) if len(unique) > 1 else unique[0] if unique else None

    def _literals(self, schema: dict[str, Any]) -> str | None:
        values = schema.get("enum", [schema.get("const")])
        rest = {name: value for name, value in schema.items() if name != "enum"}
        right = [value for value in values if is_valid(value, rest, self._root)]
        texts = sorted({json.dumps(value, ensure_ascii=False) for value in right})
        return self._once(("enum", *texts), lambda: self.rule(one_of(texts))) if texts else None

    def _choice(self, schema: dict[str, Any], keyword: str, place: str, level: int) -> str | None:
        base = {name: value for name, value in schema.items() if name != keyword}
        flats = []
        for number, branch in enumerate(schema[keyword]):
            inner, reached = self.flat(branch, f"{place}.{keyword}.{number}", level)
            flats.append((merge(base, inner, f"{place}.{keyword}.{number}"), reached))
        if keyword == "oneOf":
            are_apart([flat for flat, _ in flats], place, lambda inner: self.flat(inner, place, level)[0])
        found = [self.expression(flat, f"{place}.{keyword}.{n}", at) for n, (flat, at) in enumerate(flats)]
        return self._either([one for one in found if one is not None])

    def _typed(self, name: str, schema: dict[str, Any], place: str, level: int) -> str | None:
        match name:
            case "null":
                return '"null"'
            case "boolean":
                return self._once("boolean", lambda: self.rule('"true" | "false"'))
            case "string":
                return self._text(schema, place)
            case "array":
                return array_expression(self, schema, place, level)
            case "object":
                return object_expression(self, schema, place, level)
            case "number" | "integer":
                return self._number(schema, integer=name == "integer")
        return None

    def _number(self, schema: dict[str, Any], *, integer: bool) -> str | None:
        wanted = _range(schema)
        return self._once(
            (wanted, integer), lambda: self.automatic(number_automaton(wanted, integer=integer), quoted=False)
        )

    def automatic(self, found: Automaton, *, quoted: bool) -> str | None:
        """The rules of an automaton; None where it allows nothing."""
        if found.is_empty:
            return None
        name = f"a{len(self._rules)}"
        for rule, body in write(found, name, quoted=quoted).items():
            self._set(rule, body)
        return f'"\\"" {name}' if quoted else name

    def _text(self, schema: dict[str, Any], place: str) -> str | None:
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if high is not None and high < low:
            return None
        if low > _LONGEST_TEXT:
            raise BadRequest(
                f"'{place}.minLength': at most {_LONGEST_TEXT} characters can be asked for.", "", f"{place}.minLength"
            )
        most = max(low, min(high if high is not None else self._allowance.text, _LONGEST_TEXT))
        patterns = [
            *_listed(schema.get("pattern")),
            *(FORMATS[f] for f in _listed(schema.get("format")) if f in FORMATS),
        ]
        if not patterns:
            return self._once(("text", low, most), lambda: self.rule(f'"\\"" {self._characters(low, most)} "\\""'))
        key = ("patterns", tuple(patterns), low, high, most)
        try:
            return self._once(key, lambda: self.automatic(text_automaton(patterns, low, high, most), quoted=True))
        except BadRequest as error:
            keyword = "pattern" if "pattern" in schema else "format"
            raise BadRequest(error.what, error.remedy, f"{place}.{keyword}") from error

    def _characters(self, low: int, high: int) -> str:
        """In blocks, because the engine's own counting is meant for small numbers."""
        blocks = [f"{self._block()}{{{low // _BLOCK}}}"] if low >= _BLOCK else []
        blocks += [f"char{{{low % _BLOCK}}}"] if low % _BLOCK else []
        more, rest = divmod(high - low, _BLOCK)
        if not more:
            return " ".join([*blocks, f"char{{0,{rest}}}" if rest else '""'])
        # A whole block, or the end: of the two only one goes on, so that the engine never follows more.
        return " ".join([*blocks, f"{self._block()}{{0,{more}}}", f"char{{0,{_BLOCK - 1}}}"])

    def _block(self) -> str:
        return self._once("block", lambda: self.rule(f"char{{{_BLOCK}}}")) or ""

    def _any(self, depth: int) -> str | None:
        """A value of which nothing is said."""

        def make() -> str | None:
            scalars = [self._typed(name, {}, "", 0) for name in ("string", "number", "boolean", "null")]
            if depth:
                item = self._any(depth - 1)
                member = self.rule(f'{self.free_key(())} ":" gap {item}')
                scalars.append(self.rule(f'"{{" gap ({member} ("," gap {member}){{0,15}} gap)? "}}"'))
                scalars.append(self.rule(f'"[" gap ({item} ("," gap {item}){{0,15}} gap)? "]"'))
            return self._either([one for one in scalars if one is not None])

        return self._once(("any", depth), make)

    def free_key(self, taken: tuple[str, ...], pattern: str = _FREE_KEY) -> str | None:
        """A key that is none of those which have a meaning of their own."""
        found = relieved(text_automaton([pattern], 0, None, _LONGEST_KEY), taken)
        return self._once(("key", taken, pattern), lambda: self.automatic(found, quoted=True))

    def most_items(self, low: int, high: int | None) -> int:
        return max(low, min(self._allowance.items if high is None else high, 1024))


@dataclass(frozen=True, slots=True)
class _Reference:
    to: str
    level: int


def _types(schema: dict[str, Any]) -> list[str]:
    """The types that are asked for; where none is, the one whose keywords are used, else any."""
    if "type" in schema:
        return _listed(schema["type"])
    used = [name for name, keywords in _TYPE_OF.items() if any(keyword in schema for keyword in keywords.split())]
    return used or ["object", "array", "string", "number", "boolean", "null"]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _range(schema: dict[str, Any]) -> Range:
    numbers = {name: Fraction(str(schema[name])) for name in _TYPE_OF["number"].split() if name in schema}
    low, above = numbers.get("minimum"), False
    if (bound := numbers.get("exclusiveMinimum")) is not None and (low is None or bound >= low):
        low, above = bound, True
    high, below = numbers.get("maximum"), False
    if (bound := numbers.get("exclusiveMaximum")) is not None and (high is None or bound <= high):
        high, below = bound, True
    return Range(low, high, above, below, numbers.get("multipleOf"))

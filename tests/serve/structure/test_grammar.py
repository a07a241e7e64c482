"""What follows a grammar is what the schema asks for, judged by a validator of other people's; the rest is refused."""

import json
from typing import Any

import jsonschema_rs
import pytest

from tests.serve.structure.follow import Follower
from tests.serve.structure.schemas import SCHEMAS, o
from tinderbox.errors import BadRequest
from tinderbox.serve.structure.grammar import Allowance, Grammar


def grammar_of(schema: Any) -> str:
    grammar = Grammar(Allowance(text=40, items=6))
    return grammar.text(grammar.add(schema, "schema"))


def written(schema: Any, count: int) -> list[Any]:
    grammar = grammar_of(schema)
    return [json.loads(Follower(grammar, seed).text()) for seed in range(count)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_whatever_follows_the_grammar_is_valid(name: str) -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS[name], validate_formats=True)

    values = written(SCHEMAS[name], 40)

    assert [value for value in values if not validator.is_valid(value)] == []


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "string", "pattern": "^(ab"}, "pattern"),
        ({"type": "string", "pattern": r"^(?=a)b$"}, "pattern"),
        ({"type": "string", "pattern": r"(a)\1"}, "pattern"),
        ({"type": "string", "pattern": r"\bword\b"}, "pattern"),
        ({"type": "strnig"}, "type"),
        ({"type": "integer", "minimum": "1"}, "minimum"),
        ({"type": "object", "required": "a"}, "required"),
        ({"not": {"type": "string"}}, "not"),
        ({"if": True, "then": False}, "if"),
        ({"type": "array", "contains": {"type": "integer"}}, "contains"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "integer", "minimun": 3}, "minimun"),
        ({"$ref": "#/$defs/none"}, "$ref"),
        ({"$ref": "https://example.org/schema"}, "$ref"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"type": "number", "multipleOf": 0.00000000001}, ""),
        ({"type": "string", "minLength": 100_000}, "minLength"),
    ],
)
def test_what_cannot_be_held_to_is_refused_by_name(schema: Any, place: str) -> None:
    with pytest.raises(BadRequest) as refused:
        grammar_of({"type": "object", "properties": {"a": schema}})

    assert (refused.value.field or "").startswith("schema")
    assert place in f"{refused.value.field}{refused.value.what}"


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"enum": [1, 2], "type": "string"},
        {"$defs": {"a": o({"a": {"$ref": "#/$defs/a"}})}, "$ref": "#/$defs/a"},
        {"type": "string", "pattern": "^a{9}$", "maxLength": 3},
    ],
)
def test_what_nothing_can_be_is_refused(schema: Any) -> None:
    with pytest.raises(BadRequest, match="Nothing can be what 'schema' asks for"):
        grammar_of(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(((((a{9}){9}){9}){9}){9})"},
        {"type": "string", "pattern": "(a|b)*a(a|b){20}"},
        {"allOf": [{"anyOf": [{"minimum": n} for n in range(20)]}] * 6},
        {"$ref": "#/$defs/0", "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 4} for n in range(12)}},
        {"type": "array", "items": {"enum": list(range(2000))}, "uniqueItems": True, "minItems": 3},
    ],
)  # fmt: skip
def test_a_schema_that_would_take_for_ever_is_refused(schema: Any) -> None:
    with pytest.raises(BadRequest):
        grammar_of(schema)


def test_a_schema_that_is_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(80):
        schema = o({"a": schema})

    with pytest.raises(BadRequest, match="too large"):
        grammar_of(schema)


def test_what_the_schema_does_not_bound_is_bounded() -> None:
    lists = written({"type": "array", "items": {"type": "string"}}, 60)

    assert max(len(words) for words in lists) == 6
    assert 30 < max(len(word) for words in lists for word in words) <= 40


def test_notes_of_the_author_pass() -> None:
    assert written({"const": 1, "title": "T", "x-order": 3, "ui": {"hint": True}, "$comment": "c"}, 1) == [1]

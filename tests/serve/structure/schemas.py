"""Schemas of many kinds, by name: what an answer is held to in the tests."""

from typing import Any

Schema = dict[str, Any]


def o(properties: Schema, required: list[str] | None = None, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": required or list(properties), **more}


def free(properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **more}


s: Schema = {"type": "string"}
i: Schema = {"type": "integer"}
n: Schema = {"type": "number"}
b: Schema = {"type": "boolean"}

SCHEMAS: dict[str, Schema] = {
    "simple": o({"a": s}),
    "nested": o({"a": o({"b": o({"c": i})})}),
    "enum": o({"c": {"enum": ["red", "green", 3, None, True, {"x": 1}]}}),
    "const": o({"c": {"const": "only"}, "d": {"const": [1, 2]}}),
    "arr": o({"x": {"type": "array", "items": i, "minItems": 2, "maxItems": 4}}),
    "arrs": {"type": "array", "items": s, "maxItems": 3},
    "rng": o(
        {"age": {"type": "integer", "minimum": 18, "maximum": 130}, "p": {"type": "number", "minimum": 0, "maximum": 1}}
    ),
    "excl": o(
        {
            "x": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "y": {"type": "integer", "exclusiveMinimum": -5, "exclusiveMaximum": -1},
        }
    ),
    "mult": o(
        {
            "x": {"type": "integer", "multipleOf": 7},
            "y": {"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 10},
        }
    ),
    "cents": o({"y": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 1000}}),
    "onlymin": o({"x": {"type": "number", "minimum": 2.5}, "y": {"type": "integer", "maximum": -3}}),
    "pattern": o({"plate": {"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}$"}}),
    "unanch": o({"x": {"type": "string", "pattern": "foo\\d", "maxLength": 20}}),
    "alt": o(
        {
            "x": {"type": "string", "pattern": "^(cat|dog)s?$"},
            "y": {"type": "string", "pattern": "^\\S+@\\S+$", "maxLength": 30},
        }
    ),
    "patlen": o({"x": {"type": "string", "pattern": "^[a-z ]*$", "minLength": 5, "maxLength": 15}}),
    "unipat": o({"x": {"type": "string", "pattern": "^\\p{Lu}[\\p{L} ]+$", "maxLength": 12}}),
    "quotes": o({"x": {"type": "string", "pattern": '^"[^"\\\\]*\\\\"$', "maxLength": 12}}),
    "lens": o(
        {
            "x": {"type": "string", "minLength": 3, "maxLength": 8},
            "y": {"type": "string", "maxLength": 0},
            "z": {"type": "string", "minLength": 300, "maxLength": 310},
        }
    ),
    "fmt": o(
        {
            "a": {"type": "string", "format": "date"},
            "b": {"type": "string", "format": "date-time"},
            "c": {"type": "string", "format": "email"},
            "d": {"type": "string", "format": "uuid"},
        }
    ),
    "fmt2": o(
        {
            "a": {"type": "string", "format": "ipv4"},
            "b": {"type": "string", "format": "ipv6"},
            "c": {"type": "string", "format": "time"},
            "d": {"type": "string", "format": "uri"},
            "e": {"type": "string", "format": "hostname"},
            "f": {"type": "string", "format": "duration"},
        }
    ),
    "fmt3": o(
        {
            "a": {"type": "string", "format": "idn-email"},
            "b": {"type": "string", "format": "json-pointer"},
            "c": {"type": "string", "format": "relative-json-pointer"},
            "d": {"type": "string", "format": "iri"},
            "e": {"type": "string", "format": "regex"},
            "f": {"type": "string", "format": "uri-template"},
            "g": {"type": "string", "format": "uri-reference"},
        }
    ),
    "optional": o({"a": s, "b": i, "c": b, "d": n}, ["b"]),
    "alloptional": free({"a": i, "b": i}),
    "defs": {"$defs": {"p": o({"x": n, "y": n})}, **o({"from": {"$ref": "#/$defs/p"}, "to": {"$ref": "#/$defs/p"}})},
    "definitions": {"definitions": {"a/b": {"enum": [1, 2]}}, **o({"k": {"$ref": "#/definitions/a~1b"}})},
    "anyof": o({"v": {"anyOf": [i, {"type": "string", "maxLength": 10}, {"type": "null"}]}}),
    "nullable": o({"v": {"type": ["string", "null"], "maxLength": 20}}),
    "oneof": o({"v": {"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 9}, {"type": "boolean"}]}}),
    "disc": {"oneOf": [o({"kind": {"const": "cat"}, "lives": i}), o({"kind": {"const": "dog"}, "good": b})]},
    "oneofreq": {"oneOf": [o({"a": i}, additionalProperties=False), o({"b": i}, additionalProperties=False)]},
    "closed": o({"a": i, "b": i}, ["a"], additionalProperties=False),
    "mapi": {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 3},
    "mapmin": {"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1, "maxProperties": 2},
    "mixed": o({"id": i}, additionalProperties={"type": "string", "maxLength": 8}, maxProperties=3),
    "patprops": {
        "type": "object",
        "patternProperties": {"^x-[a-z]+$": i},
        "additionalProperties": False,
        "maxProperties": 3,
    },
    "names": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-c]{1,3}$"},
        "additionalProperties": i,
        "maxProperties": 3,
    },
    "minp": free({"a": i, "b": i, "c": i, "d": i}, minProperties=2, maxProperties=3),
    "tree": {
        "$defs": {
            "node": o({"v": i, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}}, ["v"])
        },
        "$ref": "#/$defs/node",
    },
    "linked": o({"v": i, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
    "expr": {
        "$defs": {
            "e": {"anyOf": [n, o({"op": {"enum": ["+", "-"]}, "l": {"$ref": "#/$defs/e"}, "r": {"$ref": "#/$defs/e"}})]}
        },
        "$ref": "#/$defs/e",
    },
    "allof": {"allOf": [o({"a": i}), o({"b": b})]},
    "allofnum": o({"x": {"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "maximum": 9}]}}),
    "refsib": {"$defs": {"s": s}, **o({"x": {"$ref": "#/$defs/s", "maxLength": 5, "description": "x"}})},
    "anyreq": free({"a": i, "b": i}, anyOf=[{"required": ["a"]}, {"required": ["b"]}]),
    "tup": o(
        {
            "p": {
                "type": "array",
                "prefixItems": [i, b, {"type": "string", "maxLength": 5}],
                "items": False,
                "minItems": 3,
            }
        }
    ),
    "tup7": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **o({"p": {"type": "array", "items": [i, b], "additionalItems": {"type": "null"}, "maxItems": 4}}),
    },
    "uniq": o(
        {"days": {"type": "array", "items": {"enum": ["mo", "tu", "we", "th"]}, "uniqueItems": True, "minItems": 2}}
    ),
    "dep": free({"a": i, "b": i}, dependentRequired={"a": ["b"]}),
    "strange": o({'we "quote"': i, "é\n": i, "": b}),
    "anyval": o(
        {"x": {}, "y": True},
    ),
    "anyobj": {"type": "object"},
    "notype": {"properties": {"a": i}, "required": ["a"]},
    "reqextra": {"type": "object", "required": ["z"], "additionalProperties": i},
    "tweets": o(
        {
            "items": {
                "type": "array",
                "items": o(
                    {"user": s, "likes": {"type": "integer", "minimum": 0}, "tags": {"type": "array", "items": s}}
                ),
            }
        }
    ),
    "scalar": {"type": "integer", "minimum": 1, "maximum": 6},
    "strroot": {"type": "string", "enum": ["yes", "no"]},
    "int64": o({"x": {"type": "integer", "format": "int64"}}),
    "intfloat": o({"x": {"enum": [1.0, 2.5, -0.0]}}),
}

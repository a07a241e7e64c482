"""The arguments of a call, held against the tool's schema. What is wrong is told so that a model can mend it.

Small models write numbers as texts and leave out braces' keys; what can only be meant in one way is taken that way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tinderbox.errors import BadRequest, did_you_mean

Schema = Mapping[str, Any]

_NAMES = {"string": "a text", "integer": "a whole number", "boolean": "true or false"}


def text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def number(description: str, low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "description": description, "minimum": low, "maximum": high, "default": default}


def schema_of(needed: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {"type": "object", "properties": properties, "required": list(needed), "additionalProperties": False}


def read_arguments(given: object, schema: Schema) -> dict[str, Any]:
    """The arguments by name, defaults filled in. Raises BadRequest that says what is wanted."""
    if isinstance(given, str):
        given = _parse(given, schema)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise BadRequest("The arguments must be an object.", _wanted(schema))
    if not _is_ours(schema):
        return _read_by(schema, given)
    properties = schema["properties"]
    for name in given:
        if name not in properties:
            raise BadRequest(f"There is no argument '{name}'.", did_you_mean(name, properties) or _wanted(schema), name)
    for name in schema["required"]:
        if given.get(name) is None:
            raise BadRequest(f"The argument '{name}' is missing.", _wanted(schema), name)
    defaults = {name: about["default"] for name, about in properties.items() if "default" in about}
    read = {name: _read(name, value, properties[name]) for name, value in given.items() if value is not None}
    return defaults | read


def is_schema(schema: Schema) -> bool:
    """Whether arguments can be held to what somebody else wrote as a JSON schema."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError:
        return False
    return schema.get("type") == "object"


def _is_ours(schema: Schema) -> bool:
    properties = schema.get("properties", {})
    plain = all(isinstance(about, Mapping) and about.get("type") in _NAMES for about in properties.values())
    return plain and schema.get("additionalProperties") is False and "required" in schema


def _read_by(schema: Schema, given: dict[str, Any]) -> dict[str, Any]:
    """Held against any JSON schema; one that points to another place is not followed there."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kinds = {name: about.get("type") for name, about in schema.get("properties", {}).items() if isinstance(about, dict)}
    meant = {name: _meant(value, kind) if (kind := kinds.get(name)) else value for name, value in given.items()}
    validator = validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())
    try:
        wrong = best_match(validator.iter_errors(meant))
    except Unresolvable as error:
        raise BadRequest(f"The tool's schema cannot be read: {error}.") from error
    if wrong is not None:
        place = ".".join(str(part) for part in wrong.absolute_path)
        raise BadRequest(f"{f'{place!r}: ' if place else ''}{wrong.message[:300]}.", _wanted(schema), place or None)
    return meant


def _parse(given: str, schema: Schema) -> object:
    if not given.strip():
        return {}
    try:
        return json.loads(given)
    except ValueError as error:
        raise BadRequest(f"The arguments are no JSON: {error}.", _wanted(schema)) from error


def _read(name: str, value: object, about: Mapping[str, Any]) -> object:
    kind = about["type"]
    value = _meant(value, kind)
    fits = {"string": str, "integer": int, "boolean": bool}[kind]
    if not isinstance(value, fits) or (kind == "integer" and isinstance(value, bool)):
        raise BadRequest(f"'{name}' must be {_NAMES[kind]}, not {json.dumps(value)[:60]}.", field=name)
    if "enum" in about and value not in about["enum"]:
        raise BadRequest(f"'{name}' must be one of {', '.join(about['enum'])}.", field=name)
    if isinstance(value, int) and not about.get("minimum", value) <= value <= about.get("maximum", value):
        raise BadRequest(f"'{name}' must lie between {about['minimum']} and {about['maximum']}.", field=name)
    return value


def _meant(value: object, kind: str) -> object:
    if kind == "integer" and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _wanted(schema: Schema) -> str:
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    parts = [
        f"{name} ({_kind(about)}{'' if name in needed else ', may be left out'})" for name, about in properties.items()
    ]
    return f"Wanted: {', '.join(parts)}." if parts else "No argument is wanted."


def _kind(about: Any) -> str:
    kind = about.get("type") if isinstance(about, Mapping) else None
    return _NAMES.get(kind, kind) if isinstance(kind, str) else "any value"

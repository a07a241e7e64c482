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
    properties = schema["properties"]
    if isinstance(given, str):
        given = _parse(given, schema)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise BadRequest("The arguments must be an object.", _wanted(schema))
    for name in given:
        if name not in properties:
            raise BadRequest(f"There is no argument '{name}'.", did_you_mean(name, properties) or _wanted(schema), name)
    for name in schema["required"]:
        if given.get(name) is None:
            raise BadRequest(f"The argument '{name}' is missing.", _wanted(schema), name)
    defaults = {name: about["default"] for name, about in properties.items() if "default" in about}
    read = {name: _read(name, value, properties[name]) for name, value in given.items() if value is not None}
    return defaults | read


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
    parts = [
        f"{name} ({_NAMES[about['type']]}{'' if name in schema['required'] else ', may be left out'})"
        for name, about in schema["properties"].items()
    ]
    return f"Wanted: {', '.join(parts)}." if parts else "No argument is wanted."

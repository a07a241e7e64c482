"""What a client asks of tools and of the answer's form, read from the body of a chat completion."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.schema import Schema

_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_MOST_TOOLS = 512
Choice = Literal["auto", "none", "required"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `place` is where it stands in the body."""

    name: str
    description: str
    parameters: dict[str, Any]
    place: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """`tools` are those that may be called; with `required` one of them must be. `form` is the schema of an answer that
    is no call; None where it is free."""

    tools: tuple[Tool, ...] = ()
    choice: Choice = "auto"
    parallel: bool = True
    form: Schema | None = None
    form_place: str = "response_format"


def read_wanted(chat: Mapping[str, Any]) -> Wanted:
    """Raises BadRequest, naming the place, for what is broken or contradicts itself."""
    tools = _read_tools(chat.get("tools") or [])
    choice, tools = _read_choice(chat.get("tool_choice"), tools)
    form, place = _read_form(chat)
    named = isinstance(chat.get("tool_choice"), dict) and chat["tool_choice"].get("type") != "allowed_tools"
    parallel = chat.get("parallel_tool_calls") is not False and not named
    if chat.get("grammar") and (form is not None or (tools and choice != "none")):
        raise BadRequest("'grammar' cannot be joined with tools or a form of the answer.", "Keep one.", "grammar")
    return Wanted(tools, choice, parallel, form, place)


def _read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    if len(tools) > _MOST_TOOLS:
        raise BadRequest(f"'tools' has more than {_MOST_TOOLS}.", "Offer fewer.", "tools")
    found = tuple(_read_tool(tool, f"tools.{number}") for number, tool in enumerate(tools))
    names = [tool.name for tool in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadRequest(f"Two tools are called '{twice}'.", "Give each a name of its own.", "tools")
    return found


def _read_tool(tool: Mapping[str, Any], place: str) -> Tool:
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        kind = tool.get("type")
        raise BadRequest(
            f"'{place}': a tool of type {kind!r} cannot be called here.", "Use 'function'.", f"{place}.type"
        )
    name, parameters = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        what = f"'{place}.function.name' is wrong: letters, digits, '_', '-', '.' are wanted (it is {name!r})."
        raise BadRequest(what, "", f"{place}.function.name")
    where = f"{place}.function.parameters"
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        raise BadRequest(f"'{where}' is no schema of an object.", "", where)
    return Tool(
        name, str(function.get("description") or ""), {"properties": {}} | parameters | {"type": "object"}, where
    )


def _read_choice(choice: Any, tools: tuple[Tool, ...]) -> tuple[Choice, tuple[Tool, ...]]:
    """The choice, and the tools that are left to choose from."""
    match choice:
        case None | "auto":
            return "auto", tools
        case "none":
            return "none", tools
        case "required" if not tools:
            raise BadRequest("'tool_choice' is 'required', and there are no tools.", "", "tool_choice")
        case "required":
            return "required", tools
        case {"type": "allowed_tools"}:
            allowed = choice.get("allowed_tools") or choice
            return _read_choice(
                allowed.get("mode"), _chosen(tools, [_name(tool) for tool in allowed.get("tools") or []])
            )
        case dict() if isinstance(_name(choice), str):
            return "required", _chosen(tools, [_name(choice)])
    raise BadRequest(
        f"'tool_choice' is wrong (it is {choice!r}).", "auto, none, required, or a function.", "tool_choice"
    )


def _name(choice: Any) -> Any:
    inner = choice.get("function", choice) if isinstance(choice, dict) else None
    return inner.get("name") if isinstance(inner, dict) else None


def _chosen(tools: tuple[Tool, ...], names: list[Any]) -> tuple[Tool, ...]:
    known = {tool.name: tool for tool in tools}
    if unknown := next((name for name in names if name not in known), None):
        raise BadRequest(f"'tool_choice' names '{unknown}', which is none of the tools.", "", "tool_choice")
    return tuple(known[name] for name in names)


def _read_form(chat: Mapping[str, Any]) -> tuple[Schema | None, str]:
    if chat.get("json_schema") is not None:
        return chat["json_schema"], "json_schema"
    wanted: Any = chat.get("response_format")
    match wanted:
        case None | {"type": "text"}:
            return None, ""
        case {"type": "json_object", **rest}:
            schema: Any = rest.get("schema", {"type": "object"})
            return schema, "response_format.schema"
        case {"type": "json_schema", "json_schema": {"schema": dict() | bool() as given}}:
            return given, "response_format.json_schema.schema"
        case {"type": "json_schema"}:
            place = "response_format.json_schema.schema"
            raise BadRequest(f"'{place}' is missing or no schema.", "", place)
    what = "'response_format' is wrong: a 'type' of text, json_object or json_schema is wanted."
    raise BadRequest(what, "", "response_format.type")


def describe(wanted: Wanted) -> str:
    """What a model is told whose template has no words for tools."""
    described = [
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, ensure_ascii=False
        )
        for tool in wanted.tools
    ]
    how = '{"name": <name of the function>, "arguments": <object of arguments>}'
    must = "Answer with nothing but" if wanted.choice == "required" else "To call one, answer with nothing but"
    several = " To call several, answer with a JSON array of them." if wanted.parallel else ""
    return "\n".join(["You can call these functions:", *described, f"{must} a JSON object: {how}.{several}"])

"""What a client asks of the responses API, and the chat completion that answers it: pure translation."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tinderbox.errors import BadRequest
from tinderbox.serve.bodies import Body, Items, Notes
from tinderbox.serve.openai import MOST_MESSAGES, Probability, Tokens, Word

Item = dict[str, Any]
_HOSTED = ("background", "conversation", "prompt", "context_management", "moderation", "access_programs")


class TextWanted(Body):
    format: dict[str, JsonValue] | None = None
    verbosity: str | None = None


class Reasoning(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    effort: str | None = None
    summary: str | None = None


class ResponseRequest(Body):
    """Fields of services that keep conversations, prompts or files elsewhere are refused by name."""

    model: Word
    input: str | Annotated[Items[dict[str, JsonValue]], Field(max_length=MOST_MESSAGES)] = Field([])
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: dict[str, JsonValue] | None = None
    metadata: Notes | None = None
    max_output_tokens: Tokens | None = None
    max_tool_calls: int | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_p: Probability | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Items[dict[str, JsonValue]] = Field([])
    tool_choice: str | dict[str, JsonValue] | None = None
    parallel_tool_calls: bool | None = None
    text: TextWanted | None = None
    reasoning: Reasoning | None = None
    truncation: Literal["auto", "disabled"] | None = None
    include: Items[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, JsonValue] | None = None
    service_tier: str | None = None
    background: bool | None = None
    conversation: JsonValue = None
    prompt: JsonValue = None
    context_management: JsonValue = None
    moderation: JsonValue = None
    access_programs: JsonValue = None


def items_of(request: ResponseRequest) -> list[Item]:
    """The input as items, each with an id. Raises BadRequest for what is of no kind that can be read here."""
    for field in _HOSTED:
        if getattr(request, field):
            raise BadRequest(f"'{field}' is nothing that this box does.", "Leave it out.", field)
    given = request.input
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not given and request.previous_response_id is None:
        raise BadRequest("'input' is missing.", "", "input")
    return [_item(item, f"input.{number}") for number, item in enumerate(given)]


def completion_of(request: ResponseRequest, items: Iterable[Item]) -> dict[str, Any]:
    """The streamed chat completion that answers a conversation of `items`."""
    effort = request.reasoning.effort if request.reasoning else None
    wanted = {
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "logprobs": True if request.top_logprobs else None,
        "top_logprobs": request.top_logprobs or None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _choice(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
        "response_format": _format(request.text.format if request.text else None),
        "reasoning_effort": effort,
        "chat_template_kwargs": {"enable_thinking": False} if effort == "none" else None,
    }
    return {
        "model": request.model,
        "messages": messages_of(request.instructions, items),
        **{name: value for name, value in wanted.items() if value is not None},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def messages_of(instructions: str | None, items: Iterable[Item]) -> list[dict[str, Any]]:
    """Calls that follow each other, and the thoughts and words before them, are one turn of the assistant's."""
    messages: list[dict[str, Any]] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
    for item in items:
        message = _message(item)
        if messages and message["role"] == messages[-1]["role"] == "assistant":
            _join(messages[-1], message)
        else:
            messages.append(message)
    return messages


def _join(before: dict[str, Any], message: dict[str, Any]) -> None:
    if message.get("content"):
        before["content"] = (
            f"{before['content']}\n{message['content']}" if before.get("content") else message["content"]
        )
    if message.get("reasoning_content"):
        before["reasoning_content"] = before.get("reasoning_content", "") + message["reasoning_content"]
    if message.get("tool_calls"):
        before["tool_calls"] = [*before.get("tool_calls", []), *message["tool_calls"]]


def _message(item: Item) -> dict[str, Any]:
    match item["type"]:
        case "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case "function_call_output":
            return {"role": "tool", "tool_call_id": item["call_id"], "content": _content(item["output"])}
        case "reasoning":
            parts = item.get("content") or item.get("summary") or []
            return {"role": "assistant", "content": None, "reasoning_content": "".join(map(_words, parts))}
    return {"role": item["role"], "content": _content(item["content"])}


def _words(part: Any) -> str:
    return str(part.get("text", "")) if isinstance(part, dict) else ""


def _content(content: Any) -> Any:
    """One text where there is nothing else: not every template knows parts."""
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "input_image":
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    return {"type": "text", "text": str(part.get("text", part.get("refusal", "")))}


_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal", "input_image": "image_url"}
_FIELDS = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": (),
}
_PREFIXES = {"function_call": "fc", "function_call_output": "fco", "reasoning": "rs", "message": "msg"}


def _item(item: Item, place: str) -> Item:
    kind = item.get("type") or "message"
    if kind not in tuple(_PREFIXES):
        raise BadRequest(f"'{place}': an item of type {kind!r} cannot be read here.", "", f"{place}.type")
    for field in _FIELDS.get(kind, ()):
        wanted: Any = str | list if field == "output" else str
        if not isinstance(item.get(field), wanted):
            raise BadRequest(f"'{place}.{field}' is missing or no text.", "", f"{place}.{field}")
    found = item | {"type": kind, "id": item.get("id") or new_id(_PREFIXES[kind])}
    if kind == "function_call_output" and isinstance(item["output"], list):
        _check_parts(item["output"], f"{place}.output")
    if kind == "message":
        if item.get("role") not in ("user", "assistant", "system", "developer"):
            raise BadRequest(f"'{place}.role' is wrong (it is {item.get('role')!r}).", "", f"{place}.role")
        part = "output_text" if item["role"] == "assistant" else "input_text"
        content = item.get("content")
        found["content"] = [{"type": part, "text": content}] if isinstance(content, str) else content
        _check_parts(found["content"], f"{place}.content")
        found["status"] = item.get("status") or "completed"
    return found


def _check_parts(parts: Any, place: str) -> None:
    if not isinstance(parts, list):
        raise BadRequest(f"'{place}' is missing or neither a text nor a list of parts.", "", place)
    for number, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in tuple(_PARTS) or not isinstance(part.get(_PARTS[kind]), str):
            where = f"{place}.{number}"
            raise BadRequest(
                f"'{where}': a part of type {kind!r} cannot be read here.", f"Known: {', '.join(_PARTS)}.", where
            )


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A function's fields stand one level higher here than in a chat completion."""
    if tool.get("type") != "function":
        return tool
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def _format(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    if wanted is None or wanted.get("type") != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {name: value for name, value in wanted.items() if name != "type"}}


def in_our_words(text: str) -> str:
    """Places in the chat completion as they are called here."""
    return text.replace("response_format.json_schema", "text.format").replace(".function.", ".")


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(16)}"

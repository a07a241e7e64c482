"""Anthropic's messages as a chat that every engine understands: pure translation of what a client asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.anthropic.prefix import settle
from tinderbox.serve.anthropic.requests import (
    Block,
    CountRequest,
    Document,
    Image,
    MessagesRequest,
    OutputConfig,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
Part = dict[str, Any]


def chat_of(request: CountRequest) -> dict[str, Any]:
    """What the model is to read, as a chat completion's fields. Raises BadRequest for what cannot be done here."""
    for field in ("mcp_servers", "container"):
        if getattr(request, field):
            raise BadRequest(f"'{field}' would run elsewhere; this box runs models only.", "Leave it out.", field)
    chat: dict[str, Any] = {"messages": _messages(request)}
    if request.tools:
        chat["tools"] = [_tool(tool, f"tools.{place}") for place, tool in enumerate(request.tools)]
        chat |= _tool_choice(request)
    chat["chat_template_kwargs"] = {"enable_thinking": _thinks(request)}
    output = request.output_config or OutputConfig()
    if wanted := output.format or request.output_format:
        schema = {"name": "answer", "schema": wanted.schema_, "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    if output.effort in _EFFORTS:
        chat["reasoning_effort"] = _EFFORTS[output.effort]
    return chat


def completion_of(request: MessagesRequest) -> dict[str, Any]:
    """The streamed chat completion that answers a request. Stop sequences are not in it: who finds them, names them."""
    stops = request.stop_sequences
    budget = request.thinking.budget_tokens if request.thinking else None
    sampling = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "thinking_budget_tokens": budget,
        "timings_per_token": True if stops else None,  # nobody counts for us where we end the answer ourselves
    }
    return {
        "model": request.model,
        **chat_of(request),
        **{name: value for name, value in sampling.items() if value is not None},
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
    }


def _thinks(request: CountRequest) -> bool:
    return request.thinking is not None and request.thinking.type != "disabled"


def _tool(tool: Tool, field: str) -> dict[str, Any]:
    if tool.type not in {None, "custom"}:
        what = f"The tool '{tool.type}' is known to Anthropic's own servers and models only."
        raise BadRequest(what, "Describe a tool of your own, with name, description and input_schema.", field)
    if tool.input_schema is None:
        raise BadRequest(f"The tool '{tool.name}' has no input_schema.", "", f"{field}.input_schema")
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": tool.strict,
    }
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _tool_choice(request: CountRequest) -> dict[str, Any]:
    choice = request.tool_choice
    if choice is None:
        return {}
    named = {"type": "function", "function": {"name": choice.name}}
    if choice.type == "tool" and choice.name not in {tool.name for tool in request.tools}:
        raise BadRequest(f"tool_choice names '{choice.name}', which is none of the tools.", "", "tool_choice.name")
    words: dict[str, Any] = {"auto": "auto", "any": "required", "none": "none", "tool": named}
    chosen = {"tool_choice": words[choice.type]}
    return chosen | ({"parallel_tool_calls": False} if choice.disable_parallel_tool_use else {})


def _messages(request: CountRequest) -> list[dict[str, Any]]:
    settled = settle("\n\n".join(block.text for block in request.system))
    messages: list[dict[str, Any]] = []
    for place, turn in enumerate(request.messages):
        field = f"messages.{place}.content"
        for message in _assistant(turn.content) if turn.role == "assistant" else _user(turn.content, field):
            _append(messages, message)
    if settled.volatile:
        _add_to_last(messages, "\n".join(settled.volatile))
    system = [{"role": "system", "content": settled.system}] if settled.system else []
    return system + [message | {"content": _joined(message["content"])} for message in messages]


def _append(messages: list[dict[str, Any]], message: dict[str, Any]) -> None:
    """Two turns of a user's that follow each other are one: many templates insist on turns."""
    if messages and message["role"] == messages[-1]["role"] == "user":
        messages[-1]["content"] += message["content"]
    else:
        messages.append(message)


def _add_to_last(messages: list[dict[str, Any]], text: str) -> None:
    """Behind all that was said before, so that the next turn finds that in the cache."""
    last = next((message for message in reversed(messages) if message["role"] != "assistant"), None)
    if last is not None:
        last["content"].append({"type": "text", "text": text})


def _user(blocks: Sequence[Block], field: str) -> Iterable[dict[str, Any]]:
    """Results of tools first: they answer the calls just before. Their images follow in the user's own words."""
    parts: list[Part] = []
    for place, block in enumerate(blocks):
        if isinstance(block, ToolResult):
            shown = [part for item in block.content for part in _shown(item, f"{field}.{place}.content")]
            texts = [part for part in shown if part["type"] == "text"]
            if block.is_error:
                texts.insert(0, {"type": "text", "text": "The tool failed:"})
            yield {"role": "tool", "tool_call_id": block.tool_use_id, "content": texts}
            parts += [part for part in shown if part["type"] != "text"]
        elif isinstance(block, Text | Image | Document | SearchResult):
            parts += _shown(block, f"{field}.{place}")
        else:
            raise BadRequest(f"A block of type '{block.type}' is the assistant's to say.", "", f"{field}.{place}")
    if parts:
        yield {"role": "user", "content": parts}


def _assistant(blocks: Sequence[Block]) -> Iterable[dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant"}
    message["content"] = [{"type": "text", "text": block.text} for block in blocks if isinstance(block, Text)]
    if thought := "\n".join(block.thinking for block in blocks if isinstance(block, Thinking)):
        message["reasoning_content"] = thought
    if calls := [_call(block) for block in blocks if isinstance(block, ToolUse)]:
        message["tool_calls"] = calls
    yield message


def _call(block: ToolUse) -> dict[str, Any]:
    arguments = json.dumps(block.input, ensure_ascii=False)
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def _shown(block: Text | Image | Document | SearchResult, field: str) -> list[Part]:
    if isinstance(block, Text):
        return [{"type": "text", "text": block.text}]
    if isinstance(block, SearchResult):
        found = "\n".join(text.text for text in block.content)
        return [{"type": "text", "text": f"{block.title} ({block.source})\n{found}"}]
    source = block.source
    if isinstance(block, Document):
        if source.type != "text" or source.data is None:
            raise BadRequest("Documents are read as text only.", "Send its text: a source of type 'text'.", field)
        above = [line for line in (block.title, block.context) if line]
        return [{"type": "text", "text": "\n".join([*above, source.data])}]
    if source.type != "base64" or source.data is None:
        raise BadRequest(
            f"An image's source of type '{source.type}' is not fetched by this box.", "Send it as base64.", field
        )
    url = f"data:{source.media_type or 'image/png'};base64,{source.data}"
    return [{"type": "image_url", "image_url": {"url": url}}]


def _joined(parts: list[Part]) -> str | list[Part]:
    """Text alone is one string: not every template knows parts."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts

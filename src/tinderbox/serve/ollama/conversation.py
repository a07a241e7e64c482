"""Ollama's requests in the words that every engine understands: pure translation."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tinderbox.errors import BadRequest
from tinderbox.serve.ollama.requests import ChatRequest, GenerateRequest, Message, Options, ToolCall

_SAME = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "seed",
    "stop",
    "repeat_last_n",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
)
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
_STREAMED = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
Question = tuple[str, dict[str, Any]]  # a path of the engine, and a body


def ask_chat(request: ChatRequest) -> Question:
    messages = _messages(request.messages)
    body = {"model": request.model, "messages": messages, **_wanted(request), **_STREAMED}
    return "/v1/chat/completions", body | ({"tools": request.tools} if request.tools else {})


def ask_generate(request: GenerateRequest) -> Question:
    """A chat of one turn; the bare prompt where it is `raw`; the gap between two texts where there is a `suffix`.

    Raises BadRequest for what would not be done.
    """
    if request.template:
        raise BadRequest("A template of your own is not taken.", "Write it into the prompt, with raw.", "template")
    if request.context:
        raise BadRequest("'context' is not taken.", "Use /api/chat, and send the messages again.", "context")
    prompt = request.prompt or ""
    if request.suffix:
        sampling = _sampling(request.options, "n_predict")
        return "/infill", {"input_prefix": prompt, "input_suffix": request.suffix, "stream": True, **sampling}
    if request.raw:
        sampling = _sampling(request.options)
        return "/v1/completions", {"model": request.model, "prompt": prompt, **sampling, **_STREAMED}
    turns = [Message(role="system", content=request.system)] if request.system else []
    turns.append(Message(role="user", content=prompt, images=request.images))
    body = {"model": request.model, "messages": _messages(turns), **_wanted(request), **_STREAMED}
    return "/v1/chat/completions", body


def _wanted(request: ChatRequest | GenerateRequest) -> dict[str, Any]:
    if request.logprobs:
        raise BadRequest("'logprobs' are not told here.", "Ask /v1/chat/completions for them.", "logprobs")
    wanted = _sampling(request.options)
    if request.format == "json":
        wanted["response_format"] = {"type": "json_object"}
    elif request.format:
        schema = {"name": "answer", "schema": request.format, "strict": True}
        wanted["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.think is not None:
        wanted["chat_template_kwargs"] = {"enable_thinking": request.think is not False}
    if isinstance(request.think, str):
        wanted["reasoning_effort"] = "high" if request.think == "max" else request.think
    return wanted


def _sampling(options: Options | None, limit: str = "max_tokens") -> dict[str, Any]:
    """`num_ctx` is not among them: the box has chosen the context, and a prompt that does not fit is refused."""
    if options is None:
        return {}
    given: Mapping[str, Any] = options.model_dump(include=set(_SAME), exclude_none=True)
    number = options.num_predict
    return {**given, **({limit: number} if number is not None and number > 0 else {})}


def _messages(turns: Iterable[Message]) -> list[dict[str, Any]]:
    """Calls have no names of their own here: what a tool said belongs to the first call that nothing was said to."""
    messages: list[dict[str, Any]] = []
    open_calls: list[tuple[str, str]] = []
    for place, turn in enumerate(turns):
        message: dict[str, Any] = {"role": turn.role, "content": _content(turn, f"messages.{place}.images")}
        if turn.thinking:
            message["reasoning_content"] = turn.thinking
        if turn.tool_calls:
            named = [(call.id or f"call-{place}-{number}", call) for number, call in enumerate(turn.tool_calls)]
            open_calls = [(name, call.function.name) for name, call in named]
            message["tool_calls"] = [_call(name, call) for name, call in named]
        if turn.role == "tool":
            message["tool_call_id"] = turn.tool_call_id or _answered(open_calls, turn.tool_name)
        messages.append(message)
    return messages


def _answered(open_calls: list[tuple[str, str]], tool: str | None) -> str:
    fitting = next((call for call in open_calls if tool is None or call[1] == tool), None)
    if fitting is None:
        return "call"
    open_calls.remove(fitting)
    return fitting[0]


def _call(name: str, call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.function.arguments, ensure_ascii=False)
    return {"id": name, "type": "function", "function": {"name": call.function.name, "arguments": arguments}}


def _content(turn: Message, field: str) -> str | list[dict[str, Any]]:
    if not turn.images:
        return turn.content or ""
    images = [{"type": "image_url", "image_url": {"url": _data_url(image, field)}} for image in turn.images]
    return [{"type": "text", "text": turn.content or ""}, *images]


def _data_url(image: str, field: str) -> str:
    """Images come as bare base64: what they are, their first bytes say."""
    try:
        start = base64.b64decode(image[:16], validate=True)
    except ValueError:
        raise BadRequest("An image is not base64.", "", field) from None
    kind = next((kind for mark, kind in _IMAGES.items() if start.startswith(mark)), None)
    if kind is None:
        raise BadRequest("An image is neither PNG, JPEG, GIF nor WebP.", "", field)
    return f"data:{kind};base64,{image}"

"""How a run asks the box's model: pydantic-ai's messages as a chat completion, and the answer back.

What was said before is sent again byte for byte, so that the model's cache of it holds. Runs in the environment
`agents`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from tinderbox.errors import DoesNotFit, PromptTooLong, TinderboxError

_PATIENCE = httpx2.Timeout(30, read=None)  # a load and an answer take as long as they take: the run has a limit
_BUSY = frozenset({429, 503})
_WAIT = 1.0  # seconds until a box that is busy, or only starts to listen, is asked again
_TRIES = 60
_KINDS: Mapping[str, type[TinderboxError]] = {"context_length_exceeded": PromptTooLong, "does_not_fit": DoesNotFit}


class Box:
    """The box's chat, for one run. Use it as a context."""

    def __init__(self, address: str, secret: str, certificate: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        about: dict[str, Any] = {"base_url": address, "timeout": _PATIENCE, "trust_env": False, "headers": headers}
        about["verify"] = _trusting(certificate)
        self._http = httpx2.AsyncClient(**about)
        self._tools_http = httpx2.Client(**about)  # tools act in threads of their own

    async def __aenter__(self) -> Box:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        self._tools_http.close()

    async def chat(self, body: Mapping[str, Any], trace: str = "") -> dict[str, Any]:
        """Raises TinderboxError in the box's words where it cannot be answered."""
        headers = {"traceparent": trace} if trace else {}
        for tried in range(_TRIES):
            try:
                response = await self._http.post("/v1/chat/completions", json=body, headers=headers)
            except httpx2.ConnectError:
                if tried + 1 == _TRIES:
                    raise TinderboxError("The box does not answer.", "See: tinderbox doctor") from None
            except httpx2.TransportError as error:
                raise TinderboxError(f"The box broke off: {error}.", "See: tinderbox doctor") from error
            else:
                if response.status_code not in _BUSY:
                    return _read(response)
            await asyncio.sleep(_WAIT)
        raise TinderboxError("The box has no room for the model.", "See: tinderbox why")

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order; for tools. Raises TinderboxError."""
        try:
            answer = _read(self._tools_http.post("/v1/embeddings", json={"model": model, "input": list(texts)}))
        except httpx2.TransportError as error:
            raise TinderboxError(f"The box broke off: {error}.") from error
        return [row["embedding"] for row in sorted(answer["data"], key=lambda row: int(row["index"]))]


def _trusting(certificate: str | None) -> ssl.SSLContext | bool:
    """Only the box's own, under whatever name it was made for."""
    if certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=certificate)
    return context


def _read(response: Any) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    if response.status_code == 200:
        return answer
    error = answer.get("error") or {}
    kind = _KINDS.get(str(error.get("code")), TinderboxError)
    raise kind(str(error.get("message") or f"The box answered with status {response.status_code}."))


def as_chat(messages: Sequence[ModelMessage], instructions: str | None) -> list[dict[str, Any]]:
    """The conversation in the words of the chat API."""
    said: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    for message in messages:
        said += [_answer(message)] if isinstance(message, ModelResponse) else _request(message)
    return said


def _request(message: Any) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        match part.part_kind:
            case "system-prompt":
                yield {"role": "system", "content": part.content}
            case "user-prompt":
                yield {"role": "user", "content": _words(part.content)}
            case "tool-return":
                yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.model_response_str()}
            case "retry-prompt" if part.tool_name:
                yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.model_response()}
            case "retry-prompt" | "retry-feedback":
                yield {"role": "user", "content": part.model_response()}


def _words(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(piece for piece in content if isinstance(piece, str))


def _answer(message: ModelResponse) -> dict[str, Any]:
    text = "".join(part.content for part in message.parts if isinstance(part, TextPart))
    calls = [
        {
            "id": part.tool_call_id,
            "type": "function",
            "function": {"name": part.tool_name, "arguments": part.args_as_json_str()},
        }
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    return {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})


def as_functions(definitions: Sequence[Any]) -> list[dict[str, Any]]:
    """The tools as the chat API describes them, in their order."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description or "",
                "parameters": tool.parameters_json_schema,
            },
        }
        for tool in definitions
    ]


def as_response(answer: Mapping[str, Any]) -> ModelResponse:
    message = answer["choices"][0]["message"]
    parts: list[Any] = [TextPart(message["content"])] if message.get("content") else []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        parts.append(ToolCallPart(function["name"], _whole(function["arguments"]), call["id"]))
    read, cached, written = tokens_of(answer)
    return ModelResponse(parts, usage=RequestUsage(input_tokens=read + cached, output_tokens=written))


def _whole(arguments: str) -> str:
    """Arguments that were cut off are an object with nothing in it: the tool says what it wants."""
    try:
        json.loads(arguments)
    except ValueError:
        return "{}"
    return arguments


def tokens_of(answer: Mapping[str, Any]) -> tuple[int, int, int]:
    """Read anew, taken from the cache, written."""
    usage = answer.get("usage") or {}
    prompt, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    return prompt - cached, cached, written

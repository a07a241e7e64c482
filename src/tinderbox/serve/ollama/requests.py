"""What Ollama's clients send, checked and described."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from tinderbox.serve.bodies import Items
from tinderbox.serve.openai import MOST_MESSAGES

_DURATION = re.compile(r"-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h)?)+")
Word = Annotated[str, Field(min_length=1)]


class _Loose(BaseModel):
    """Unknown fields are left aside, as Ollama does: its clients tune what only its own engine has."""

    model_config = ConfigDict(extra="ignore", strict=True)


def _duration(value: float | str | None) -> float | str | None:
    if isinstance(value, str) and not _DURATION.fullmatch(value):
        raise ValueError("a number of seconds or a duration such as 5m is wanted")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Options(_Loose):
    """What text is sampled with. `num_predict` below 0 means no limit."""

    num_ctx: Annotated[int, Field(ge=1)] | None = None
    num_predict: int | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_k: int | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    typical_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    stop: Annotated[Items[Word], BeforeValidator(_listed, json_schema_input_type=str | Items[Word])] | None = None
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None


class ModelRequest(_Loose):
    """`keep_alive` 0 unloads the model after the answer; any other is left to the box."""

    model: Word
    keep_alive: Annotated[float | str | None, AfterValidator(_duration)] = None

    @property
    def unloads(self) -> bool:
        return self.keep_alive is not None and not re.search("[1-9]", str(self.keep_alive))


class _Answered(ModelRequest):
    stream: bool | None = None
    options: Options | None = None
    format: Literal["", "json"] | dict[str, JsonValue] | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None
    logprobs: bool | None = None

    @property
    def streams(self) -> bool:
        return self.stream is not False

    @property
    def shows_thinking(self) -> bool:
        return self.think is not False


class GenerateRequest(_Answered):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: Items[int] | None = None
    raw: bool | None = None
    images: Items[Word] | None = None


class Function(_Loose):
    name: Word
    arguments: dict[str, JsonValue] = {}


class ToolCall(_Loose):
    id: str | None = None
    function: Function


class Message(_Loose):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: Items[Word] | None = None
    tool_calls: Items[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ChatRequest(_Answered):
    messages: Annotated[Items[Message], Field(max_length=MOST_MESSAGES)] = []
    tools: Items[dict[str, JsonValue]] | None = None


class EmbedRequest(ModelRequest):
    input: Annotated[Items[str], BeforeValidator(_listed, json_schema_input_type=str | Items[str])]
    truncate: bool | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    options: dict[str, JsonValue] | None = None


class EmbeddingsRequest(ModelRequest):
    """The older way: one text, one vector."""

    prompt: str = ""
    options: dict[str, JsonValue] | None = None


def _named(value: object) -> object:
    """Older clients call the model `name`."""
    if isinstance(value, dict) and "model" not in value and "name" in value:
        return {**value, "model": value["name"]}
    return value


class NamedRequest(_Loose):
    model: Word
    stream: bool | None = None


Named = Annotated[NamedRequest, BeforeValidator(_named, json_schema_input_type=dict[str, Any])]

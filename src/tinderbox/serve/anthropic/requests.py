"""What Anthropic's clients send, checked and described."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from tinderbox.serve.bodies import Items
from tinderbox.serve.openai import MOST_MESSAGES

Word = Annotated[str, Field(min_length=1)]


class _Loose(BaseModel):
    """Unknown fields are left aside: clients send more with every version, and say in headers what they mean."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Source(_Loose):
    """Where an image or a document is: in the request itself (`base64`, `text`), or elsewhere."""

    type: str
    media_type: str | None = None
    data: str | None = None


class Text(_Loose):
    type: Literal["text"]
    text: str


class Image(_Loose):
    type: Literal["image"]
    source: Source


class Document(_Loose):
    type: Literal["document"]
    source: Source
    title: str | None = None
    context: str | None = None


def _as_blocks(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Texts = Annotated[Items[Text], BeforeValidator(_as_blocks, json_schema_input_type=str | Items[Text])]


class SearchResult(_Loose):
    type: Literal["search_result"]
    source: str
    title: str
    content: Texts


class ToolUse(_Loose):
    type: Literal["tool_use"]
    id: Word
    name: Word
    input: dict[str, JsonValue]


Shown = Annotated[Text | Image | Document | SearchResult, Field(discriminator="type")]


class ToolResult(_Loose):
    type: Literal["tool_result"]
    tool_use_id: Word
    content: Annotated[Items[Shown], BeforeValidator(_as_blocks, json_schema_input_type=str | Items[Shown])] = []
    is_error: bool | None = None


class Thinking(_Loose):
    type: Literal["thinking"]
    thinking: str


class RedactedThinking(_Loose):
    type: Literal["redacted_thinking"]


Block = Annotated[
    Text | Image | Document | SearchResult | ToolUse | ToolResult | Thinking | RedactedThinking,
    Field(discriminator="type"),
]


class Turn(_Loose):
    role: Literal["user", "assistant", "system"]
    content: Annotated[Items[Block], BeforeValidator(_as_blocks, json_schema_input_type=str | Items[Block])]


class Tool(_Loose):
    name: Word
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, JsonValue] | None = None
    strict: bool | None = None


class ToolChoice(_Loose):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingWanted(_Loose):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Field(ge=1)] | None = None
    display: str | None = None


class Format(_Loose):
    type: Literal["json_schema"]
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]


class OutputConfig(_Loose):
    effort: str | None = None
    format: Format | None = None


class CountRequest(_Loose):
    model: Word
    messages: Annotated[Items[Turn], Field(min_length=1, max_length=MOST_MESSAGES)]
    system: Texts = []
    tools: Items[Tool] = []
    tool_choice: ToolChoice | None = None
    thinking: ThinkingWanted | None = None
    output_config: OutputConfig | None = None
    output_format: Format | None = None
    mcp_servers: Items[JsonValue] | None = None
    container: JsonValue = None


class MessagesRequest(CountRequest):
    max_tokens: Annotated[int, Field(ge=1, le=2**31 - 1)]
    stream: bool | None = None
    stop_sequences: Items[Word] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None

    @property
    def shows_thinking(self) -> bool:
        wanted = self.thinking
        return wanted is not None and wanted.type != "disabled" and wanted.display != "omitted"

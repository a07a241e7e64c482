"""Calls in an answer's text: read step by step where a grammar wrote them, recognised where a model did."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tinderbox.serve.delta import CallPiece, Delta, Reader
from tinderbox.serve.structure.tools import Tool
from tinderbox.serve.structure.validity import is_valid

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_HEAD = re.compile(r'\{"name": ("(?:[^"\\]|\\.)*"), "arguments": ')
_FENCE = re.compile(r"\s*```[A-Za-z_]*\s*(.*?)\s*```\s*", re.DOTALL)
_TAG = re.compile(r"\s*<[A-Za-z_|]{0,20}>?\s*(?=[\[{])(.*[\]}])\s*(<?/?[A-Za-z_|]{0,20}>)?\s*", re.DOTALL)
_KEYS = ('"name"', '"function"', '"type"', '"arguments"', '"parameters"')


class Spoken:
    """The calls that a grammar wrote, `{"name": ..., "arguments": ...}` alone or in a list: told as they come.

    With `mark`, they are calls only behind `<tool_call>`; any other text is an answer.
    """

    def __init__(self, *, mark: bool = False) -> None:
        self._mark = mark
        self._is_text = False
        self._rest = ""
        self._index = 0
        self._arguments: _Scan | None = None

    def read(self, delta: Delta) -> Delta:
        self._rest += delta.text
        if (
            self._mark
            and (self._is_text or not self._rest.startswith(_OPEN))
            and not self._index + (self._arguments is not None)
        ):
            self._is_text = self._is_text or delta.finish is not None or not _OPEN.startswith(self._rest)
            text, self._rest = (self._rest, "") if self._is_text else ("", self._rest)
            return replace(delta, text=text)
        pieces = tuple(self._pieces())
        finish = "tool_calls" if delta.finish == "stop" and self._index else delta.finish
        return replace(delta, text="", calls=pieces, finish=finish)

    def _pieces(self) -> Iterator[CallPiece]:
        while self._rest:
            if self._arguments is None:
                head = _HEAD.search(self._rest)
                if head is None:
                    return
                self._rest = self._rest[head.end() :]
                self._arguments = _Scan()
                yield CallPiece(self._index, new_call_id(), json.loads(head[1]), "")
            size, ended = self._arguments.take(self._rest)
            if size:
                yield CallPiece(self._index, "", "", self._rest[:size])
            self._rest = self._rest[size:]
            if ended:
                self._arguments = None
                self._index += 1


class _Scan:
    """Where one JSON object ends in a text that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._escaped = False

    def take(self, text: str) -> tuple[int, bool]:
        """How many characters belong to the object, and whether it ends with them."""
        for at, char in enumerate(text):
            if self._in_text:
                self._in_text = self._escaped or char != '"'
                self._escaped = char == "\\" and not self._escaped
            elif char == '"':
                self._in_text = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if not self._depth:
                    return at + 1, True
        return len(text), False


class Recognised:
    """Calls that a model wrote as plain text: the whole answer as JSON, fenced or in a tag, or marked `<tool_call>`.

    Text is held back only while it may still be a call. What names no known tool, or has arguments that are not what
    the tool takes, is told as the text it is.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._held = ""
        self._is_text = False
        self._calls = 0

    def read(self, delta: Delta) -> Delta:
        self._calls += len(delta.calls)
        self._held += delta.text
        if delta.finish is None:
            return replace(delta, text=self._let_go())
        text, calls = recognise(self._held, self._tools) if not self._calls else (self._held, [])
        self._held = ""
        finish = "tool_calls" if calls and delta.finish == "stop" else delta.finish
        return replace(delta, text=text, calls=(*delta.calls, *calls), finish=finish)

    def _let_go(self) -> str:
        """The part of the text that can be no call any more."""
        if not self._is_text and _may_be_call(self._held):
            return ""
        self._is_text = True
        at = self._held.find(_OPEN)
        if at < 0:
            longest = min(len(self._held), len(_OPEN) - 1)
            kept = next((size for size in range(longest, 0, -1) if self._held.endswith(_OPEN[:size])), 0)
            at = len(self._held) - kept
        text, self._held = self._held[:at], self._held[at:]
        return text


def recognise(text: str, tools: dict[str, Tool]) -> tuple[str, list[CallPiece]]:
    """The text that is no call, and the calls in it; all of the text where there is none."""
    if _OPEN in text:
        before, *marked = text.split(_OPEN)
        parts = [part.partition(_CLOSE) for part in marked]
        found = [_calls_in(inside, tools) for inside, _, _ in parts]
        if all(found):
            rest = before.strip() + "".join(after for _, _, after in parts).strip()
            return rest, _numbered([call for calls in found for call in calls])
        return text, []
    wrapped = _FENCE.fullmatch(text) or _TAG.fullmatch(text)
    calls = _calls_in(wrapped[1] if wrapped else text, tools)
    return ("", _numbered(calls)) if calls else (text, [])


def _numbered(calls: list[tuple[str, Any]]) -> list[CallPiece]:
    return [
        CallPiece(number, new_call_id(), name, json.dumps(arguments, ensure_ascii=False))
        for number, (name, arguments) in enumerate(calls)
    ]


def _calls_in(text: str, tools: dict[str, Tool]) -> list[tuple[str, Any]]:
    """Calls as JSON, one behind another or in a list; none if any of it is no call."""
    values: list[Any] = []
    text = text.strip()
    try:
        while text:
            value, end = json.JSONDecoder().raw_decode(text)
            values += value if isinstance(value, list) else [value]
            text = text[end:].lstrip(" \n\r\t,;")
    except (ValueError, RecursionError):
        return []
    calls = [_call(value, tools) for value in values]
    return [call for call in calls if call is not None] if all(calls) else []


def _call(value: Any, tools: dict[str, Tool]) -> tuple[str, Any] | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or value["name"] not in tools:
        return None
    arguments: Any = next((value[key] for key in ("arguments", "parameters") if key in value), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    schema = tools[value["name"]].parameters
    return (value["name"], arguments) if is_valid(arguments, schema, schema) else None


def _may_be_call(text: str) -> bool:
    """Could this be the beginning of an answer that is a call?"""
    text = text.lstrip()
    if text.startswith("`"):
        fence = re.match(r"`{1,2}$|```[A-Za-z_]*\s*", text)
        if fence is None:
            return False
        text = text[fence.end() :]
    if text.startswith("<"):
        tag = re.match(r"<[A-Za-z_|]{0,20}($|>?\s*)", text)
        text = text[tag.end() :] if tag else text
    opened = re.match(r"\[?\s*\{\s*", text)
    if opened is None:
        return re.fullmatch(r"\[?\s*", text) is not None
    text = text[opened.end() :]
    return any(key.startswith(text) or text.startswith(key) for key in _KEYS)


def new_call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


Reading = Callable[[], Reader]

"""What of a long conversation a model is sent: where its context would not hold all, the oldest results are shortened.

Several at once, down to a part of the room, so that what is sent begins the same for many steps and stays in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CHARACTERS = 3  # of a token: few, so that the guess errs on the safe side
_DOWN_TO = 0.6  # of the room
_KEPT = 160  # characters of a result that was shortened
_LEFT_OUT = " [The rest is left out here, to save room.]"
_LEAST_TOLD, _MOST_TOLD = 600, 4000


def told_of(context: int) -> int:
    """How many characters of a result a model with that context is told."""
    return max(_LEAST_TOLD, min(_MOST_TOLD, context * _CHARACTERS // 8))


def room_of(context: int, tools: int, answer: int) -> int:
    """Characters for the conversation, beside `tools` characters of tools and `answer` tokens to be written."""
    return max(0, (context - answer) * _CHARACTERS - tools)


def fit(said: Sequence[Mapping[str, Any]], room: int) -> list[Mapping[str, Any]]:
    """The messages, in the form that they had in the step before wherever that is possible."""
    shortened, size = 0, 0
    for place, message in enumerate(said):
        size += _size(message)
        if size > room:
            while shortened < place and size > room * _DOWN_TO:
                size -= _size(said[shortened]) - _size(_short(said[shortened]))
                shortened += 1
    return [_short(message) if place < shortened else message for place, message in enumerate(said)]


def _short(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = str(message.get("content") or "")
    if message["role"] != "tool" or len(content) <= _KEPT + len(_LEFT_OUT):
        return message
    return {**message, "content": content[:_KEPT] + _LEFT_OUT}


def _size(message: Mapping[str, Any]) -> int:
    calls = message.get("tool_calls") or ()
    return len(str(message.get("content") or "")) + sum(len(call["function"]["arguments"]) for call in calls)

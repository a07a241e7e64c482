"""A kept response told once more as the events that it came in: each text and each call in one piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

Event = dict[str, Any]
_WORDS = {"message": "output_text", "reasoning": "reasoning_text"}
_NOT_YET: dict[str, Any] = {
    "status": "in_progress",
    "output": [],
    "completed_at": None,
    "incomplete_details": None,
    "usage": None,
}


def replayed(response: dict[str, Any], after: int = -1) -> str:
    """Server-sent events, numbered from 0; those that follow number `after`."""
    begun = response | _NOT_YET
    ends = {"type": f"response.{response['status']}", "response": response}
    items = chain.from_iterable(_item(index, item) for index, item in enumerate(response["output"]))
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *items,
        ends,
    ]
    numbered = (event | {"sequence_number": number} for number, event in enumerate(events) if number > after)
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in numbered)


def _item(index: int, item: dict[str, Any]) -> Iterator[Event]:
    is_call = item["type"] == "function_call"
    nothing: dict[str, Any] = {"arguments": ""} if is_call else {"content": []}
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": item | nothing | {"status": "in_progress"},
    }
    place = {"item_id": item["id"], "output_index": index}
    yield from _call(place, item) if is_call else _parts(place, item)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call(place: dict[str, Any], item: dict[str, Any]) -> Iterator[Event]:
    yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **place, **done}


def _parts(place: dict[str, Any], item: dict[str, Any]) -> Iterator[Event]:
    kind = f"response.{_WORDS[item['type']]}"
    for number, part in enumerate(item["content"]):
        where = place | {"content_index": number}
        empty: dict[str, Any] = {"text": "", "logprobs": []} if "logprobs" in part else {"text": ""}
        logprobs = {"logprobs": part["logprobs"]} if "logprobs" in part else {}
        yield {"type": "response.content_part.added", **where, "part": part | empty}
        yield {"type": f"{kind}.delta", **where, "delta": part["text"], **logprobs}
        yield {"type": f"{kind}.done", **where, "text": part["text"], **logprobs}
        yield {"type": "response.content_part.done", **where, "part": part}

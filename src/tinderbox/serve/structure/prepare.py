"""A chat completion's body made ready for an engine: what the client wants guaranteed becomes a grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tinderbox.serve.structure.grammar import Allowance, Grammar
from tinderbox.serve.structure.spoken import Reading, Recognised, Spoken
from tinderbox.serve.structure.text import quote
from tinderbox.serve.structure.tools import Wanted, describe, read_wanted

_MOST_CALLS = 8  # in one answer that must call
FIELDS = frozenset({"tools", "tool_choice", "parallel_tool_calls", "response_format", "json_schema"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """The `body` to ask, and how its answer is to be read: each choice with a Reader of its own, or as it comes."""

    body: dict[str, Any]
    reading: Reading | None = None

    @property
    def unread(self) -> int:
        """Bytes of the body as JSON that the model does not read."""
        return len(json.dumps(self.body.get("grammar", "")))


def prepare(chat: Mapping[str, Any], template: str | None, context: int) -> Prepared:
    """`template` is the model's own, `context` the tokens that an answer may have at most.

    Raises BadRequest, naming the place, for what is broken or cannot be held to.
    """
    wanted = read_wanted(chat)
    body = {name: value for name, value in chat.items() if name not in FIELDS}
    calls = bool(wanted.tools) and wanted.choice != "none"
    held = wanted.form is not None or (calls and wanted.choice == "required")
    if held:
        budget = min(chat.get("max_completion_tokens") or chat.get("max_tokens") or context, context)
        body["grammar"] = grammar_of(wanted, budget if budget > 0 else context)
        body["reasoning_format"] = "none"  # all that is said is the answer
    if not calls:
        return Prepared(_without_words_for_tools(body, template))
    if _knows_tools(template):
        # With 'none' the template tells of the tools, and the engine leaves the answer's form to us. It tells of all,
        # whichever may be called now: the conversation's beginning stays as it was, and what is cached of it holds.
        body |= {"tools": chat["tools"], "tool_choice": "none"} if held else {"tools": _offered(chat, wanted)}
        body |= {} if held or wanted.parallel else {"parallel_tool_calls": False}
    else:
        body = _without_words_for_tools(body, template)
        body["messages"] = _with_note(body["messages"], describe(wanted))
    if held:
        return Prepared(body, lambda: Spoken(mark=wanted.choice != "required"))
    return Prepared(body, lambda: Recognised(wanted.tools))


def grammar_of(wanted: Wanted, budget: int) -> str:
    """The grammar that holds an answer of up to `budget` tokens to what is wanted."""
    calls = json.dumps([[tool.name, tool.parameters, tool.place] for tool in wanted.tools])
    form = None if wanted.form is None or wanted.choice == "required" else json.dumps(wanted.form)
    return _grammar(calls if wanted.choice != "none" else "[]", form, wanted.form_place, wanted.parallel, budget)


@lru_cache(maxsize=64)
def _grammar(calls: str, form: str | None, form_place: str, parallel: bool, budget: int) -> str:
    """An agent asks for the same tools at each turn; its grammar is made once."""
    grammar = Grammar(Allowance(text=max(16, budget // 2), items=max(4, min(512, budget // 32))))
    roots = []
    offered = json.loads(calls)
    if offered:
        heads = (
            (quote(f'{{"name": {json.dumps(name)}, "arguments": '), schema, place) for name, schema, place in offered
        )
        call = grammar.rule(" | ".join(f'{head} {grammar.add(schema, place)} "}}"' for head, schema, place in heads))
        several = f' | "[" {call} (", " {call}){{0,{_MOST_CALLS - 1}}} "]"' if parallel else ""
        roots.append(f'"<tool_call>" ({call}{several}) "</tool_call>"' if form else f"{call}{several}")
    if form is not None:
        roots.append(grammar.add(json.loads(form), form_place))
    return grammar.text(" | ".join(roots))


def _knows_tools(template: str | None) -> bool:
    return template is not None and "tools" in template


def _offered(chat: Mapping[str, Any], wanted: Wanted) -> list[Any]:
    names = {tool.name for tool in wanted.tools}
    return [tool for tool in chat["tools"] if tool["function"]["name"] in names]


def _without_words_for_tools(body: dict[str, Any], template: str | None) -> dict[str, Any]:
    """Calls and their results of earlier turns in plain words, where the template has none for them."""
    if _knows_tools(template) or not any(message.get("role") == "tool" for message in body.get("messages", ())):
        return body
    names = {call.get("id"): call["function"]["name"] for message in body["messages"] for call in _calls(message)}
    return body | {"messages": [_in_words(message, names) for message in body["messages"]]}


def _in_words(message: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    if message.get("role") == "tool":
        name = names.get(message.get("tool_call_id"), "the function")
        return {"role": "user", "content": f"{name} returned: {_text(message.get('content'))}"}
    calls = [call["function"] for call in _calls(message)]
    if not calls:
        return message
    said = [f'{{"name": {json.dumps(call["name"])}, "arguments": {call.get("arguments") or "{}"}}}' for call in calls]
    kept = {name: value for name, value in message.items() if name != "tool_calls"}
    return kept | {"content": "\n".join(filter(None, [_text(message.get("content")), *said]))}


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [call for call in message.get("tool_calls") or [] if isinstance(call.get("function"), dict)]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def _with_note(messages: list[dict[str, Any]], note: str) -> list[dict[str, Any]]:
    first = messages[0]
    if first["role"] in {"system", "developer"}:
        return [first | {"content": f"{_text(first.get('content'))}\n\n{note}"}, *messages[1:]]
    return [{"role": "system", "content": note}, *messages]

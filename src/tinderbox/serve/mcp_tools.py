"""`Offer`: one tool that other programs may call through MCP. Each is a question to a route of the box, asked with the
caller's own key: what that opens, and how much of it, holds here as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tinderbox.agents.arguments import number, schema_of, text
from tinderbox.errors import TinderboxError

AGENT = "agent_"
MOST_TOKENS = 4096
Ask = Callable[..., Awaitable[dict[str, Any]]]  # of (method, path, json=..., params=...); raises TinderboxError


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool says: a text, and the same as data where it has a shape."""

    text: str
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """`method` and `path` are the route whose scopes open it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    method: str
    path: str
    act: Callable[..., Awaitable[Told]]
    reads: bool = True  # whether it changes nothing


async def ask_model(ask: Ask, model: str, prompt: str, system: str = "", max_tokens: int = 1024) -> Told:
    said = [{"role": "system", "content": system}] if system else []
    messages = [*said, {"role": "user", "content": prompt}]
    body = {"model": model, "messages": messages, "max_tokens": max_tokens}
    answer = await ask("POST", "/v1/chat/completions", json=body)
    return Told(str(answer["choices"][0]["message"]["content"] or ""))


async def list_models(ask: Ask) -> Told:
    answer = await ask("GET", "/box/models")
    return Told(json.dumps(answer), answer)


async def plan(ask: Ask, model: str, box: str = "", context: int = 0) -> Told:
    asked = {"model": model, **({"box": box} if box else {}), **({"context": context} if context else {})}
    answer = await ask("GET", "/box/plan", params=asked)
    answer.pop("depths", None)
    return Told(json.dumps(answer), answer)


async def run_agent(name: str, ask: Ask, task: str) -> Told:
    body = {"model": f"agent/{name}", "messages": [{"role": "user", "content": task}]}
    answer = await ask("POST", "/v1/chat/completions", json=body)
    return Told(str(answer["choices"][0]["message"]["content"] or ""))


async def list_agents(ask: Ask) -> list[str]:
    """Those that may be run by whoever asks."""
    answer = await ask("GET", "/v1/models")
    return [model["id"].removeprefix("agent/") for model in answer["data"] if model["id"].startswith("agent/")]


def agent_offer(name: str) -> Offer:
    """An agent of the box as a tool."""
    return Offer(
        f"{AGENT}{name}",
        f"Give a task to the agent '{name}' of this machine. What it must ask a person about waits for that person.",
        schema_of(("task",), task=text("What it is to do, with all that it needs to know.")),
        "POST",
        "/v1/chat/completions",
        partial(run_agent, name),
        reads=False,
    )


OFFERS = (
    Offer(
        "ask",
        "Ask one of this machine's own language models. What is asked stays on the machine.",
        schema_of(
            ("model", "prompt"),
            model=text("A model's name, as list_models tells it."),
            prompt=text("What to ask."),
            system=text("What the model is told beforehand."),
            max_tokens=number("How long the answer may be.", 1, MOST_TOKENS, 1024),
        ),
        "POST",
        "/v1/chat/completions",
        ask_model,
    ),
    Offer(
        "list_models",
        "List the models that are stored on this machine, with their sizes, and which are loaded.",
        schema_of(),
        "GET",
        "/box/models",
        list_models,
    ),
    Offer(
        "plan",
        "Say whether a model fits into this machine, or another, and how fast it would be. Nothing is downloaded.",
        schema_of(
            ("model",),
            model=text("A name like gpt-oss-120b or qwen3:8b, or hf:ORG/REPO."),
            box=text("A machine like dgx-spark; without it, this one."),
            context=number("Tokens of context.", 128, 10_000_000, 8192),
        ),
        "GET",
        "/box/plan",
        plan,
    ),
)


def find_offer(offers: tuple[Offer, ...], name: str) -> Offer | None:
    if name.startswith(AGENT):  # whether there is such an agent, and who may run it, its route says
        return agent_offer(name.removeprefix(AGENT))
    return next((offer for offer in offers if offer.name == name), None)


def refusal(status: int, body: Mapping[str, Any]) -> TinderboxError:
    """What a route said instead of an answer."""
    error = body.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    return TinderboxError(str(message or f"The box answered with status {status}."))

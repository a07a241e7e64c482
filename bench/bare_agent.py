"""The yardstick of `bench.agents`: an agent's tools and instructions in the bare loop of pydantic-ai. Runs in the
environment `agents`; takes one line of JSON on standard input, and prints one: the answer and the tokens."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_ai import Agent
from pydantic_ai import Tool as BareTool
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RunUsage, UsageLimits

from tinderbox.agents.definition import parse
from tinderbox.agents.desk import make_desk
from tinderbox.agents.tools import Tool, call, make_tools


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    place = Path(orders["place"])
    agent = parse(orders["agent"], "bare", place / "agent.toml", place / "home")
    desk = make_desk(place / "scratch", agent.folders, agent.limits)
    bare = Agent(
        OpenAIChatModel(agent.model, provider=OpenAIProvider(base_url=orders["url"], api_key=orders["key"])),
        instructions=agent.instructions,
        tools=[_as_bare(tool, desk) for tool in make_tools(agent, desk, sandbox=True)],
        model_settings={"temperature": 0.0, "max_tokens": 1024},
    )
    usage, answer, error = RunUsage(), "", None
    try:
        limits = UsageLimits(request_limit=agent.limits.steps, total_tokens_limit=agent.limits.tokens)
        answer = bare.run_sync(orders["task"], usage_limits=limits, usage=usage).output
    except AgentRunError as raised:
        error = f"{type(raised).__name__}: {raised}"
    tokens = {"read": usage.input_tokens, "cached": usage.cache_read_tokens, "written": usage.output_tokens}
    print(json.dumps({"answer": answer, "error": error, "steps": usage.requests, **tokens}))


def _as_bare(tool: Tool, desk: Any) -> BareTool[None]:
    def act(**arguments: Any) -> str:
        return call(tool, arguments, desk).text

    return BareTool.from_schema(partial(act), tool.name, tool.description, dict(tool.parameters))


main()

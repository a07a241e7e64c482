"""The loop of a run: pydantic-ai asks the model and calls the tools, through the run's Steps.

The model gives its answer by a call too, so that each thing it says is held to a schema. Runs in the environment
`agents`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext, ToolOutput
from pydantic_ai import Tool as LoopTool
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from tinderbox.agents.asking import Box, as_chat, as_functions, as_response, tokens_of
from tinderbox.agents.definition import Definition
from tinderbox.agents.journal import Run, messages_of
from tinderbox.agents.steps import Said, Steps
from tinderbox.agents.tools import Tool
from tinderbox.agents.trace import parent_of
from tinderbox.agents.window import fit, room_of

ANSWER = "answer"
_ABOUT_ANSWER = "Give the final answer to the person, when the task is done or cannot be done."
_LONGEST = 2048  # tokens of one answer of the model
_RETRIES = 1000  # of what does not validate: the run's own limits come first


async def go(
    agent: Definition, run: Run, steps: Steps, tools: Sequence[Tool], box: Box, orders: Mapping[str, Any]
) -> str:
    """The run's answer. Of the orders, `before` is what was said in a conversation before the task, as chat messages,
    and `context` how many tokens the model holds.

    Raises Resting, LimitReached, and what the box has against a question.
    """
    model = FunctionModel(partial(_ask, steps, box, run, int(orders["context"])), model_name=run.model)
    loop = Agent(
        model,
        output_type=ToolOutput(_given, name=ANSWER, description=_ABOUT_ANSWER),
        instructions=agent.instructions.strip() or None,
        tools=[_as_loop_tool(tool, steps) for tool in tools],
        retries=_RETRIES,
    )
    history = ModelMessagesTypeAdapter.validate_python(messages_of(steps.steps))
    task = None if history else run.task
    result = await loop.run(task, message_history=history or _conversation(orders.get("before") or []))
    return str(result.output)


def _given(text: str) -> str:
    """`text`: all that the person is told."""
    if not text.strip():
        raise ModelRetry("The answer is empty.")
    return text


def _as_loop_tool(tool: Tool, steps: Steps) -> Any:
    async def act(context: RunContext[None], **given: Any) -> str:
        return await steps.act(tool, context.tool_call_id or "", given)

    schema = dict(tool.parameters)
    return LoopTool.from_schema(act, tool.name, tool.description, schema, takes_ctx=True, sequential=True)


async def _ask(steps: Steps, box: Box, run: Run, context: int, messages: list[Any], info: AgentInfo) -> ModelResponse:
    answers: list[ModelResponse] = []

    async def ask(most: int) -> Said:
        longest = min(_LONGEST, most, context // 4)
        body = _body(run.model, _sent(messages, info, context, longest), info)
        body |= {"max_tokens": longest, "tool_choice": _choice(info, steps)}
        answer = await box.chat(body, parent_of(run, steps.steps))
        answers.append(as_response(answer))
        new = ModelMessagesTypeAdapter.dump_python([*_new(messages), answers[0]], mode="json")
        return Said(new, *tokens_of(answer))

    await steps.chat(run.model, ask)
    return answers[0]


def _sent(messages: Sequence[Any], info: AgentInfo, context: int, longest: int) -> list[Mapping[str, Any]]:
    tools = len(json.dumps(as_functions([*info.function_tools, *info.output_tools])))
    return fit(as_chat(messages, info.instructions), room_of(context, tools, longest))


def _body(model: str, said: Sequence[Mapping[str, Any]], info: AgentInfo) -> dict[str, Any]:
    return {
        "model": model,
        "messages": said,
        "tools": as_functions([*info.function_tools, *info.output_tools]),
        "parallel_tool_calls": False,
        "temperature": 0,
    }


def _choice(info: AgentInfo, steps: Steps) -> Any:
    """What may be called next. The model is shown all tools whatever this is, so that its cache of them holds."""
    if steps.must_end:
        return {"type": "function", "function": {"name": ANSWER}}
    if steps.barred is None:
        return "required"
    left = [tool.name for tool in (*info.function_tools, *info.output_tools) if tool.name != steps.barred]
    tools = [{"type": "function", "function": {"name": name}} for name in left]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}


def _new(messages: Sequence[Any]) -> Sequence[Any]:
    """What was not sent before: all since the model's last answer that is kept."""
    answered = [
        place for place, message in enumerate(messages) if message.kind == "response" and message.usage.has_values()
    ]
    return messages[answered[-1] + 1 :] if answered else messages


def _conversation(before: Sequence[Mapping[str, Any]]) -> list[Any]:
    said: list[Any] = []
    for message in before:
        if message["role"] == "assistant":
            said.append(ModelResponse([TextPart(message["content"])]))
        else:
            said.append(ModelRequest([UserPromptPart(message["content"])]))
    return said

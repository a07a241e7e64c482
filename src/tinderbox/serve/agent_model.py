"""An agent as a model: `agent/NAME` in a chat completion is a run, whose steps are the thinking and whose answer is the
answer. A client that goes away ends the run, unless that waits for a person.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tinderbox.agents.runs import Runs
from tinderbox.errors import BadRequest, NotAllowed, TinderboxError
from tinderbox.jobs.job import Job
from tinderbox.serve.caller import caller_of

PREFIX = "agent/"
_OVER = ("done", "failed", "stopped", "resting")
_LONGEST = 200  # characters of what is told of a step
_LOOK_EVERY = 0.2  # seconds between looks whether the client is still there


def may_run(request: Request) -> bool:
    """Agents reach a person's own files: a key that only chats does not."""
    caller = caller_of(request.scope)
    if caller is None:
        return True
    return caller.loan is None and (caller.key is None or caller.key.allows({"jobs"}))


async def answer_as_agent(asked: Mapping[str, Any], runs: Runs, request: Request) -> Response:
    """Raises BadRequest, NotAllowed, NotFound, and what is wrong with the agent's file."""
    if not may_run(request):
        raise NotAllowed(f"{asked['model'][:100]} needs a key with the scope jobs.")
    task, before = _task(asked["messages"])
    job = await runs.start(asked["model"].removeprefix(PREFIX), task, before)
    if asked.get("stream"):
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        return StreamingResponse(_stream(runs, job, asked["model"], usage=usage), media_type="text/event-stream")
    return JSONResponse(await _whole(runs, job, asked["model"], request))


def _task(messages: list[dict[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """What the last message asks, and what was said before it."""
    said = [{"role": _role(message), "content": _text(message.get("content"))} for message in messages]
    said = [message for message in said if message["content"]]
    if not said or said[-1]["role"] != "user":
        raise BadRequest("The last message of a chat with an agent is the user's.", "", "messages")
    return said[-1]["content"], said[:-1]


def _role(message: Mapping[str, Any]) -> str:
    return "assistant" if message["role"] == "assistant" else "user"


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


async def _whole(runs: Runs, job: Job, model: str, request: Request) -> dict[str, Any]:
    following = asyncio.create_task(_follow_to_end(runs, job))
    try:
        while not following.done():
            await asyncio.wait([following], timeout=_LOOK_EVERY)
            if await request.is_disconnected():
                break
        shown = await following if following.done() else {}
    finally:
        following.cancel()
        await _stop(runs, job)
    message = {
        "role": "assistant",
        "content": answer_of(shown),
        "reasoning_content": "".join(map(_thought, _done(shown))),
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _head(model, "chat.completion") | {"choices": [choice], "usage": _usage(shown)}


async def _follow_to_end(runs: Runs, job: Job) -> dict[str, Any]:
    return [shown async for shown in runs.follow(job.number, lambda: False)][-1]


async def _stream(runs: Runs, job: Job, model: str, *, usage: bool) -> AsyncIterator[bytes]:
    head = _head(model, "chat.completion.chunk")
    told = 0
    shown: dict[str, Any] = {}
    try:
        yield _event(head, {"role": "assistant", "content": ""})
        async for shown in runs.follow(job.number, lambda: False):
            done = _done(shown)
            for step in done[told:]:
                yield _event(head, {"reasoning_content": _thought(step)})
            told = len(done)
        try:
            yield _event(head, {"content": answer_of(shown)})
        except TinderboxError as error:
            yield b"data: " + json.dumps({"error": {"message": str(error), "type": "agent_error"}}).encode() + b"\n\n"
            return
        yield _event(head, {}, "stop")
        if usage:
            yield b"data: " + json.dumps(head | {"choices": [], "usage": _usage(shown)}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"
    finally:
        await _stop(runs, job)


async def _stop(runs: Runs, job: Job) -> None:
    """Whoever asked is gone: nobody would read the answer."""
    if runs.find(job.number).state not in _OVER:
        await asyncio.shield(runs.stop(job.number))


def answer_of(shown: Mapping[str, Any]) -> str:
    """What the client is told. Raises TinderboxError where there is no answer."""
    if shown.get("state") == "resting":
        number = shown["number"]
        return f"Run {number} {shown['message']}\nAllow it with: tinderbox agent approve {number}"
    if shown.get("state") == "done":
        return str(shown["answer"])
    raise TinderboxError(f"The run ended as {shown.get('state')}: {shown.get('error') or 'somebody ended it.'}")


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{secrets.token_hex(12)}", "object": kind, "created": int(time.time()), "model": model}


def _done(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [step for step in shown["steps"] if step["kind"] == "tool" and step["ended"] is not None]


def _thought(step: Mapping[str, Any]) -> str:
    came = str(step["came"]).strip().split("\n", 1)[0][:_LONGEST]
    return f"{step['name']} {json.dumps(step['given'], ensure_ascii=False)[:_LONGEST]}\n{came}\n"


def _usage(shown: Mapping[str, Any]) -> dict[str, Any]:
    steps = shown.get("steps") or []
    prompt, cached = (sum(step["read"] + step["cached"] for step in steps), sum(step["cached"] for step in steps))
    written = sum(step["written"] for step in steps)
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written} | details


def _event(head: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

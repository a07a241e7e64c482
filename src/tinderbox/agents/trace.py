"""The trace of a run: its steps as OpenTelemetry spans, in the words of the conventions for generative AI."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tinderbox.agents.journal import Run, Step

_LONGEST = 4000  # characters of an attribute


def spans_of(run: Run, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The run first, then its steps in order, each with the span that it lies in. Times in nanoseconds since 1970."""
    return [_of_run(run, steps), *(_of_step(run, step) for step in steps)]


def parent_of(run: Run, steps: Sequence[Step]) -> str:
    """The `traceparent` of what is asked in the last step."""
    return f"00-{run.trace}-{span_id(run, steps[-1].number if steps else 0)}-01"


def span_id(run: Run, step: int) -> str:
    """Step 0 is the run."""
    return hashlib.sha256(f"{run.trace} {step}".encode()).hexdigest()[:16]


def _of_run(run: Run, steps: Sequence[Step]) -> dict[str, Any]:
    ended = run.ended or max((step.ended or step.begun for step in steps), default=run.begun)
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "tinderbox",
        "gen_ai.agent.name": run.agent,
        "gen_ai.request.model": run.model,
        "gen_ai.conversation.id": str(run.number),
        "gen_ai.usage.input_tokens": sum(step.read + step.cached for step in steps),
        "gen_ai.usage.cache_read.input_tokens": sum(step.cached for step in steps),
        "gen_ai.usage.output_tokens": sum(step.written for step in steps),
    }
    return _span(
        run, 0, None, f"invoke_agent {run.agent}", run.begun, ended if run.outcome else None, attributes, run.outcome
    )


def _of_step(run: Run, step: Step) -> dict[str, Any]:
    if step.kind == "chat":
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "tinderbox",
            "gen_ai.request.model": step.name,
            "gen_ai.usage.input_tokens": step.read + step.cached,
            "gen_ai.usage.cache_read.input_tokens": step.cached,
            "gen_ai.usage.output_tokens": step.written,
        }
    else:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": step.call,
            "gen_ai.tool.call.arguments": json.dumps(step.given, ensure_ascii=False)[:_LONGEST],
            "gen_ai.tool.call.result": str(step.came or "")[:_LONGEST],
        }
    name = f"{attributes['gen_ai.operation.name']} {step.name}"
    failed = None if step.state in ("done", "begun", "allowed", "asked") else step.state
    return _span(run, step.number, 0, name, step.begun, step.ended, attributes, failed)


def _span(
    run: Run,
    number: int,
    parent: int | None,
    name: str,
    begun: int,
    ended: int | None,
    attributes: dict[str, Any],
    failed: str | None,
) -> dict[str, Any]:
    if failed and failed != "answered":
        attributes["error.type"] = failed
    return {
        "trace_id": run.trace,
        "span_id": span_id(run, number),
        "parent_span_id": None if parent is None else span_id(run, parent),
        "name": name,
        "start": begun,
        "end": ended,
        "attributes": attributes,
    }

"""`Steps`: each thing that a run does, held to the run's limits and written down before the next.

What a process before this one has finished is told again, not done again. What it began and did not finish is done
again only where that makes no difference; otherwise the model is told that nobody knows whether it was done.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinderbox.agents.arguments import read_arguments
from tinderbox.agents.desk import Desk
from tinderbox.agents.journal import Journal, Run, Step, StepKind, StepState, waiting_step
from tinderbox.agents.settings import Limits
from tinderbox.agents.tools import Outcome, Tool, call
from tinderbox.errors import LimitReached, TinderboxError

MOST_STARTS = 5  # of a run that comes not one step further
_HINT_AT, _END_AT = 2, 3  # how often the same call has come to the same
_UNKNOWN = (
    "It is not known whether this was done: the run was broken off in the middle of it. "
    "Look at what is there before you do it again."
)
_HINT = "[You have made this very call before, and it came to the same. Do something else, or give your answer.]"


class Resting(Exception):
    """A person is asked about `step`; until then nothing is to be done."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"waits for a person: {step.name}")
        self.step = step


@dataclass(frozen=True, slots=True)
class Said:
    """What the model was sent and answered, and the tokens of it: read anew, taken from the cache, written."""

    messages: list[Any]
    read: int
    cached: int
    written: int


class Steps:
    """Of one run. `clock` gives seconds that never go back; `tell` is called when something has changed."""

    def __init__(
        self,
        run: Run,
        journal: Journal,
        limits: Limits,
        desk: Desk,
        *,
        tell: Callable[[Step], None] = lambda step: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._journal = journal
        self._limits = limits
        self._desk = desk
        self._tell = tell
        self._clock = clock
        self._begun = clock()
        self._allowed = desk.allowance.left
        self.steps = journal.steps(run.number)
        self.acting = asyncio.Event()  # while a tool acts: the process had better not end now
        if run.starts > MOST_STARTS:
            what = f"The run was started {run.starts} times without coming a step further."
            raise TinderboxError(what, "Its model and itself may not fit into the memory together: see tinderbox why.")

    @property
    def seconds(self) -> float:
        """Spent so far, by the processes before this one too."""
        return self._run.seconds + self._clock() - self._begun

    @property
    def tokens(self) -> int:
        return sum(step.read + step.written for step in self.steps)

    @property
    def answers(self) -> int:
        return sum(step.kind == "chat" and step.state == "done" for step in self.steps)

    @property
    def must_end(self) -> bool:
        """Whether the model's next answer is the last that it may give, or the last that makes sense."""
        few = self.answers + 1 >= self._limits.steps or self.tokens > 0.9 * self._limits.tokens
        return few or self._repeated() >= _END_AT

    @property
    def barred(self) -> str | None:
        """The tool that the model may not call next: it has just made the same call to the same end."""
        last = next((step for step in reversed(self.steps) if step.kind == "tool"), None)
        return last.name if last is not None and self._repeated() >= _HINT_AT else None

    async def chat(self, model: str, ask: Callable[[int], Awaitable[Said]]) -> Said:
        """One answer of the model; `ask` is told how many tokens it may write. Raises LimitReached."""
        left = self._limits.tokens - self.tokens
        if self.answers >= self._limits.steps:
            raise LimitReached(f"The run has made the {self._limits.steps} steps that it may, without an answer.")
        if left <= 0:
            raise LimitReached(f"The run has used the {self._limits.tokens} tokens that it may, without an answer.")
        step = self._begin("chat", model, synced=False)
        try:
            said = await ask(left)
        except BaseException as error:
            self._end(step, "failed", str(error) or type(error).__name__)
            raise
        self._end(step, "done", said.messages, read=said.read, cached=said.cached, written=said.written)
        return said

    async def act(self, tool: Tool, call_id: str, given: Mapping[str, Any]) -> str:
        """What the tool tells, or told a process before this one. Raises Resting where a person is asked first."""
        parent = max((step.number for step in self.steps if step.kind == "chat" and step.state == "done"), default=None)
        before = next((step for step in self.steps if step.parent == parent and step.call == call_id), None)
        if before is not None and before.state in ("done", "failed", "denied", "unknown"):
            return str(before.came)
        if before is not None and before.state == "asked":
            raise Resting(before)
        if before is not None and before.state == "begun" and not tool.repeats:
            return str(self._end(before, "unknown", _UNKNOWN).came)
        if before is None:
            asks = tool.asks and _are_right(given, tool)
            about = {"state": "asked" if asks else "begun", "parent": parent, "call": call_id, "given": dict(given)}
            before = self._begin("tool", tool.name, synced=not tool.repeats, **about)
            if asks:
                raise Resting(before)
        elif before.state == "allowed":
            before = self._put(replace(before, state="begun"))
        return await self._do(tool, before, given)

    def spend(self) -> None:
        """Write down what was spent of the limits."""
        sandbox = self._run.sandbox + self._allowed - self._desk.allowance.left
        self._journal.spend(self._run.number, self.seconds, sandbox)

    async def _do(self, tool: Tool, step: Step, given: Mapping[str, Any]) -> str:
        self.acting.set()
        try:
            outcome = await asyncio.to_thread(call, tool, given, self._desk)
            ended = self._end(step, "done" if outcome.ok else "failed", self._hinted(step, outcome))
        finally:
            self.acting.clear()
        return str(ended.came)

    def _hinted(self, step: Step, outcome: Outcome) -> str:
        same = [other for other in self.steps if _is_same(other, replace(step, came=outcome.text))]
        return f"{outcome.text}\n{_HINT}" if len(same) + 1 >= _HINT_AT else outcome.text

    def _repeated(self) -> int:
        """How often the last call came to the same as it did before."""
        last = next((step for step in reversed(self.steps) if step.kind == "tool"), None)
        return 0 if last is None else sum(_is_same(step, last) for step in self.steps)

    def _begin(self, kind: StepKind, name: str, *, synced: bool, **about: Any) -> Step:
        step = self._journal.begin(self._run.number, kind, name, synced=synced, **about)
        self.steps.append(step)
        self._tell(step)
        return step

    def _put(self, step: Step) -> Step:
        self._journal.put(self._run.number, step)
        return self._replace(step)

    def _end(self, step: Step, state: StepState, came: Any, **counts: int) -> Step:
        ended = self._replace(self._journal.end(self._run.number, step, state, came, **counts))
        self.spend()
        return ended

    def _replace(self, step: Step) -> Step:
        self.steps = [step if other.number == step.number else other for other in self.steps]
        self._tell(step)
        return step


def question(step: Step) -> str:
    """What a person is asked, in a line."""
    return f"waits for your word: {step.name} {json.dumps(step.given, ensure_ascii=False)[:200]}"


def rests(steps: Sequence[Step]) -> str | None:
    """What the run waits for, if it waits for a person."""
    step = waiting_step(list(steps))
    return question(step) if step else None


def _are_right(given: Mapping[str, Any], tool: Tool) -> bool:
    """Nobody is asked about a call that would be sent back."""
    try:
        read_arguments(dict(given), tool.parameters)
    except TinderboxError:
        return False
    return True


def _is_same(one: Step, other: Step) -> bool:
    if one.kind != "tool" or (one.name, one.given) != (other.name, other.given) or one.ended is None:
        return False
    return str(one.came).removesuffix(f"\n{_HINT}") == str(other.came).removesuffix(f"\n{_HINT}")

"""The kind of job that a run of an agent is: what it is asked for, and how its process is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tinderbox.agents.definition import Definition, read_definition
from tinderbox.agents.settings import Search
from tinderbox.errors import BadRequest, NotFound
from tinderbox.jobs.kinds import check_arguments
from tinderbox.jobs.process import Work
from tinderbox.models.store import Store
from tinderbox.units import Bytes, MiB

KIND = "agent"
WORKER = "tinderbox.agents.worker"
_PROCESS: Bytes = 192 * MiB  # of the loop with its libraries
_RUNS_CODE = frozenset({"python", "shell"})
_LONGEST_TASK = 100_000  # characters

# The models that may be asked: what is added to a run's orders while its process runs, its secret among it.
Lend = Callable[[frozenset[str]], AbstractContextManager[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where runs are at home: `command` makes the words that start a module in the environment of agents, `context` is
    how many tokens a model holds at most."""

    home: Path
    command: Callable[[str], tuple[str, ...]]
    lend: Lend
    context: int


def run_work(grounds: Grounds, arguments: Mapping[str, Any], folder: Path) -> Work:
    """A run: `agent`, `task`, and `before`, what was said in a conversation until then.

    Raises BadRequest, NotFound, and WrongUsage with the line of the agent's file that is wrong.
    """
    check_arguments(arguments, {"agent": str, "task": str, "before": list}, required=("agent", "task"))
    if len(arguments["task"]) > _LONGEST_TASK:
        raise BadRequest(f"The task has more than {_LONGEST_TASK} characters.", "Put it into a file.", "task")
    agent = read_definition(grounds.home, arguments["agent"])
    check_model(grounds.home, agent)
    orders = {**arguments, "home": str(grounds.home), "context": grounds.context}
    lends = partial(grounds.lend, models_of(agent))
    return Work(grounds.command(WORKER), predicted(agent), orders, lends, attended=True)


def check_model(home: Path, agent: Definition) -> None:
    """Raises WrongUsage with the line where the model is not in the store."""
    try:
        Store(home).find(agent.model)
    except NotFound as error:
        raise agent.refuse(("model",), error.what, error.remedy) from error


def models_of(agent: Definition) -> frozenset[str]:
    """Its own, and those that its search tools embed with."""
    return frozenset({agent.model, *(tool.model for tool in agent.tools if isinstance(tool, Search) and tool.model)})


def predicted(agent: Definition) -> Bytes:
    """Its process, and the code that it may run beside it."""
    runs_code = any(tool.kind in _RUNS_CODE for tool in agent.tools)
    return _PROCESS + (agent.limits.memory if runs_code else 0)

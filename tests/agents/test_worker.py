"""The process of a run, with the real loop in its own environment: killed at each point, and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.agents.scripted import Scripted, scripted
from tests.conftest import CACHE
from tinderbox.agents.journal import Journal, waiting_step
from tinderbox.environments.capability import capability
from tinderbox.environments.environment import Environment
from tinderbox.environments.make import add

pytestmark = pytest.mark.slow
ORDER = ("shop_post", {"url": "http://{place}/order", "body": "one"})
ANSWER = ("answer", {"text": "It is ordered."})
PATIENCE = 60  # seconds


@pytest.fixture(scope="session")
def environment() -> Environment:
    """What `tinderbox add agents` makes, once, beside the starter."""
    return add(CACHE, capability("agents"))


@dataclass(frozen=True)
class Stage:
    """One run of one agent, and the model and the shop that it talks to."""

    home: Path
    model: Scripted
    environment: Environment

    @property
    def journal(self) -> Journal:
        return Journal(self.home)

    def start(self) -> subprocess.Popen[str]:
        """A process of the run, with its orders."""
        folder = self.home / "runs/1"
        folder.mkdir(parents=True, exist_ok=True)
        orders = {"home": str(self.home), "folder": str(folder), "number": 1, "agent": "buyer", "task": "Order one."}
        orders |= {"context": 4096, "address": f"http://{self.model.place}", "secret": ""}
        process = subprocess.Popen(
            self.environment.command("tinderbox.agents.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        return process

    def finish(self) -> dict[str, Any]:
        """All that a process says until it ends by itself."""
        said: dict[str, Any] = {}
        for line in self.start().communicate(timeout=PATIENCE)[0].splitlines():
            said |= json.loads(line)
        return said

    def kill(self, held: int | str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a process when it has come to what is held; nothing is held afterwards."""
        self.model.held = held
        process = self.start()
        assert self.model.reached.wait(PATIENCE)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
        self.model.held = None
        self.model.over.set()

    def states(self) -> list[str]:
        return [step.state for step in self.journal.steps(1) if step.kind == "tool"]


@pytest.fixture
def stage(tmp_path: Path, environment: Environment) -> Iterator[Stage]:
    with scripted(ORDER, ANSWER) as model:
        yield set_up(tmp_path, model, environment)


def set_up(home: Path, model: Scripted, environment: Environment, approval: str = "[]") -> Stage:
    (home / "agents").mkdir()
    shop = f'[tools.shop]\nkind = "http"\nhosts = ["{model.place}"]\nprivate = true\n'
    (home / "agents/buyer.toml").write_text(f'model = "echo:1b"\napproval = {approval}\n{shop}')
    model.script = [(name, placed(given, model.place)) for name, given in model.script]
    return Stage(home, model, environment)


def placed(given: dict[str, Any], place: str) -> dict[str, Any]:
    return {key: value.format(place=place) for key, value in given.items()}


def test_a_run_comes_to_its_answer(stage: Stage) -> None:
    said = stage.finish()

    assert said["result"]["answer"] == "It is ordered."
    assert (said["result"]["steps"], said["result"]["tokens"]) == (2, 40)
    assert stage.model.orders == 1
    assert stage.journal.find(1).outcome == "answered"


def test_what_is_sent_begins_with_what_was_sent_before(stage: Stage) -> None:
    stage.finish()

    first, second = stage.model.asked
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert json.dumps(second["tools"]) == json.dumps(first["tools"])
    assert [first["tool_choice"], first["parallel_tool_calls"], first["temperature"]] == ["required", False, 0]


def test_killed_while_the_model_is_asked_it_asks_again(stage: Stage) -> None:
    stage.kill(held=0)

    assert stage.finish()["result"]["answer"] == "It is ordered."
    assert (stage.model.orders, len(stage.model.asked)) == (1, 3)


def test_killed_in_the_middle_of_a_call_it_does_not_call_again(stage: Stage) -> None:
    stage.kill(held="order")

    assert stage.finish()["result"]["answer"] == "It is ordered."
    assert (stage.model.orders, stage.states()) == (1, ["unknown"])
    assert "not known whether this was done" in stage.model.asked[-1]["messages"][-1]["content"]


def test_killed_behind_a_call_it_does_not_call_again(stage: Stage) -> None:
    stage.kill(held=1)

    assert stage.finish()["result"]["answer"] == "It is ordered."
    assert (stage.model.orders, stage.states()) == (1, ["done"])
    assert stage.model.asked[-1]["messages"] == stage.model.asked[-2]["messages"]


def test_a_run_that_is_asked_to_yield_goes_on_where_it_was(stage: Stage) -> None:
    stage.kill(held=1, number=signal.SIGTERM)

    assert stage.finish()["result"]["answer"] == "It is ordered."
    assert (stage.model.orders, stage.states()) == (1, ["done"])


def test_a_finished_run_that_is_started_again_says_its_answer(stage: Stage) -> None:
    stage.finish()

    assert stage.finish()["result"]["answer"] == "It is ordered."
    assert (stage.model.orders, len(stage.model.asked)) == (1, 2)


def test_a_run_rests_for_a_word_and_does_what_was_allowed_once(tmp_path: Path, environment: Environment) -> None:
    with scripted(ORDER, ANSWER) as model:
        stage = set_up(tmp_path, model, environment, approval='["shop_post"]')
        rested = stage.finish()
        before = model.orders
        step = waiting_step(stage.journal.steps(1))
        assert step is not None

        stage.journal.put(1, replace(step, state="allowed"))

        assert (rested["rests"].startswith("waits for your word: shop_post"), before) == (True, 0)
        assert stage.finish()["result"]["answer"] == "It is ordered."
        assert (model.orders, len(model.asked)) == (1, 2)


def test_wrong_arguments_go_back_with_what_is_wanted(tmp_path: Path, environment: Environment) -> None:
    with scripted(("shop_post", {"url": "http://{place}/order"}), ORDER, ANSWER) as model:
        stage = set_up(tmp_path, model, environment)

        stage.finish()

        assert "The argument 'body' is missing." in model.asked[1]["messages"][-1]["content"]
        assert (model.orders, stage.states()) == (1, ["failed", "done"])


def test_a_run_that_goes_round_in_circles_may_only_answer(tmp_path: Path, environment: Environment) -> None:
    with scripted(ORDER, ORDER, ORDER, ANSWER) as model:
        stage = set_up(tmp_path, model, environment)

        stage.finish()

        assert [asked["tool_choice"] for asked in model.asked[:2]] == ["required"] * 2
        assert model.asked[3]["tool_choice"]["function"]["name"] == "answer"

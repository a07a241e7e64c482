"""Several real models on a memory that holds one or two of them: who comes, who leaves, who waits, and what is left
when something dies."""

import json
import os
import re
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.running import LEISURE, PATIENCE, STARTER, Running, descendants, furnish, is_alive, running
from tests.journeys.test_survival import STORY, comes_true, lines
from tinderbox.models.store import Store

pytestmark = pytest.mark.slow
RED, BLUE, GREEN = "red:1", "blue:1", "green:1"  # the starter under other names: each is a model of its own
ONE, TWO = "400MB", "700MB"  # of memory: room for one of them, and for two
NOTHING: dict[str, Any] = {"max_tokens": 4, "stream": False}


class House:
    """A box whose models share a small memory, and people who ask it at the same time."""

    def __init__(self, box: Running, people: ThreadPoolExecutor) -> None:
        self.box = box
        self._people = people

    def ask(self, model: str) -> httpx2.Response:
        body = STORY | NOTHING | {"model": model}
        return httpx2.post(f"{self.box.address}/v1/chat/completions", json=body, timeout=PATIENCE)

    def begin(self, model: str) -> "Future[httpx2.Response]":
        return self._people.submit(self.ask, model)

    @contextmanager
    def stream(self, model: str, tokens: int = 600) -> Iterator[Iterator[str]]:
        """The events of an answer that has begun."""
        body = STORY | {"model": model, "max_tokens": tokens, "stream_options": {"include_usage": True}}
        url = f"{self.box.address}/v1/chat/completions"
        with httpx2.stream("POST", url, json=body, timeout=PATIENCE) as response:
            events = lines(response)
            next(events)
            yield events

    def waiting(self) -> list[str]:
        return [wish["holder"] for wish in self._memory()["waiting"]]

    def states(self) -> dict[str, str]:
        return {lease["holder"]: lease["state"] for lease in self._memory()["leases"]}

    def why(self, holder: str) -> list[tuple[str, str]]:
        told = json.loads(self.box.command("why", holder, "--json").stdout)["decisions"]
        return [(decision["what"], decision["reason"]) for decision in told]

    def _memory(self) -> dict[str, Any]:
        memory: dict[str, Any] = httpx2.get(f"{self.box.address}/box/ps", timeout=PATIENCE).json()
        return memory


@contextmanager
def house(home: Path, starter: Path, memory: str, settings: str = "", *words: str) -> Iterator[House]:
    furnish(home, starter)
    (home / "config.toml").write_text(settings)
    for name in (RED, BLUE, GREEN):
        Store(home).add_file(starter, name)
    with ThreadPoolExecutor(70) as people, running(home, "--memory", memory, *words) as box:
        yield House(box, people)


def message(response: httpx2.Response) -> str:
    return str(response.json()["error"]["message"])


def test_a_model_that_streams_stays_and_who_waits_for_its_room_is_answered_after(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at, at.stream(RED, tokens=150) as events:
        other = at.begin(BLUE)
        assert comes_true(lambda: at.waiting() == [BLUE])
        assert at.states() == {RED: "ready"}
        *_, usage, last = events

        assert (json.loads(usage.removeprefix("data: "))["usage"]["completion_tokens"], last) == (150, "data: [DONE]")
        assert other.result().status_code == 200
        assert at.states() == {BLUE: "ready"}


def test_two_who_ask_at_once_for_the_last_room_are_both_answered(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, TWO) as at:
        at.box.command("pin", RED)

        asked = [at.begin(BLUE), at.begin(GREEN)]

        assert [one.result().status_code for one in asked] == [200, 200]
        assert len(at.states()) == 2


def test_what_can_never_fit_beside_a_pin_is_refused_at_once_with_the_numbers(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at:
        at.box.command("pin", RED)

        over_http, at_the_command_line = at.ask(BLUE), at.box.command("load", BLUE)

        assert (over_http.status_code, at_the_command_line.returncode) == (507, 3)
        assert "the box can grant 400.0 MB, of which red:1 (" in message(over_http)
        assert "tinderbox pin --off red:1" in at_the_command_line.stderr
        assert at.states() == {RED: "ready"}


def test_a_wait_ends_at_its_deadline_with_what_stood_in_the_way(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE, "wait = 1") as at, at.stream(RED):
        late = at.ask(BLUE)

        assert (late.status_code, late.headers["retry-after"]) == (503, "5")
        assert re.match(r"blue:1 waited \d", message(late))
        assert "at work: red:1" in message(late)
        assert at.waiting() == []


def test_who_finds_the_line_full_is_told_so_at_once(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE, "wait = 60", "--context", "2048") as at:
        crowd = [f"crowd:{number}" for number in range(64)]
        for name in crowd:
            Store(tmp_path).add_file(starter, name)
        with at.stream(RED, tokens=1900):
            asked = [at.begin(name) for name in crowd]
            assert comes_true(lambda: len(at.waiting()) == 64)

            refused = at.ask(BLUE)

    assert refused.status_code == 503
    assert message(refused).startswith("blue:1 cannot wait for memory: 64 others do already.")
    assert {one.result().status_code for one in asked} <= {200, 503}  # the box has stopped since


def test_a_child_that_is_killed_in_mid_answer_leaves_no_lease(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at, at.stream(RED) as events:
        os.kill(descendants(at.box.pid)[0], signal.SIGKILL)
        assert "ended in the middle" in list(events)[-1]

        assert comes_true(lambda: at.states() == {})
        assert at.ask(BLUE).status_code == 200


def test_a_child_that_is_killed_in_mid_load_leaves_no_lease_and_its_asker_is_told(
    starter: Path, tmp_path: Path
) -> None:
    with house(tmp_path, starter, ONE) as at:
        asked = at.begin(RED)
        assert comes_true(lambda: RED in at.states() and descendants(at.box.pid) != [])
        os.kill(descendants(at.box.pid)[0], signal.SIGKILL)

        assert asked.result().status_code in (200, 502)
        assert at.ask(BLUE).status_code == 200
        assert at.states() == {BLUE: "ready"}


def test_a_box_that_is_killed_in_mid_load_leaves_no_process_and_starts_again(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at:
        at.begin(RED)
        assert comes_true(lambda: RED in at.states() and descendants(at.box.pid) != [])
        children = descendants(at.box.pid)
        os.kill(at.box.pid, signal.SIGKILL)

        assert comes_true(lambda: not any(is_alive(child) for child in [*children, at.box.pid]))
    with house(tmp_path, starter, ONE) as again:
        assert (again.states(), again.ask(RED).status_code) == ({}, 200)


def test_a_box_that_is_killed_in_mid_eviction_leaves_no_process_and_starts_again(starter: Path, tmp_path: Path) -> None:
    """A stopped child cannot save its conversations, so its eviction lasts for seconds."""
    with house(tmp_path, starter, ONE) as at:
        at.ask(RED)
        child = descendants(at.box.pid)[0]
        os.kill(child, signal.SIGSTOP)
        at.begin(BLUE)
        assert comes_true(lambda: at.states() == {RED: "leaving"})
        os.kill(at.box.pid, signal.SIGKILL)

        assert comes_true(lambda: not is_alive(child) and not is_alive(at.box.pid))
    with house(tmp_path, starter, ONE) as again:
        assert (again.states(), again.ask(BLUE).status_code) == ({}, 200)


def test_a_pinned_model_stays_and_the_other_leaves(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, TWO) as at:
        at.box.command("pin", RED)
        at.ask(BLUE)

        at.ask(GREEN)

        assert at.states() == {RED: "ready", GREEN: "ready"}


def test_why_tells_an_eviction_with_its_reason_also_when_the_box_is_down(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at:
        at.ask(RED)
        at.ask(BLUE)
        up = at.why(RED)
    down = at.why(RED)

    assert [what for what, _ in up] == ["granted", "evicted"]
    assert up[-1][1].startswith("to make room for blue:1 (")
    assert down[:2] == up


def test_a_model_that_nobody_wants_leaves_after_the_time_that_was_set(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE, "idle = 1") as at:
        at.ask(RED)

        assert comes_true(lambda: at.states() == {})
        assert at.why(RED)[-1][1].startswith("nobody wanted it; idle for ")


def test_a_disk_that_fills_while_a_conversation_is_saved_loses_only_the_save(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at:
        with at.stream(RED, tokens=100) as events:
            list(events)
        resource.prlimit(descendants(at.box.pid)[0], resource.RLIMIT_FSIZE, (100_000, 100_000))

        assert at.ask(BLUE).status_code == 200
        assert list(tmp_path.glob("caches/*/*")) == []
        assert at.ask(RED).status_code == 200


def test_a_job_yields_to_a_person_and_then_goes_on_by_itself_to_its_end(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, "330MB", "idle = 1") as at:
        at.box.command("quantise", STARTER, "q3_k_m", "--requantise")
        assert comes_true(lambda: job(at)["kept"] is not None, LEISURE)

        assert at.ask(RED).status_code == 200

        assert comes_true(lambda: job(at)["state"] == "done", LEISURE)
        assert [what for what, _ in at.why("run 1")].count("yielded") == 1
        assert at.ask(f"{STARTER}-q3_k_m").status_code == 200


def test_a_job_that_is_killed_leaves_no_lease(starter: Path, tmp_path: Path) -> None:
    with house(tmp_path, starter, ONE) as at:
        at.box.command("quantise", STARTER, "q3_k_m", "--requantise")
        assert comes_true(lambda: job(at)["kept"] is not None, LEISURE)

        os.kill(descendants(at.box.pid)[0], signal.SIGKILL)

        assert comes_true(lambda: job(at)["state"] == "failed", LEISURE)
        assert at.states() == {}


def job(at: House) -> dict[str, Any]:
    shown: dict[str, Any] = httpx2.get(f"{at.box.address}/box/jobs/1", timeout=PATIENCE).json()
    return shown

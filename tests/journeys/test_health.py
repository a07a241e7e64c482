"""A model whose process is stopped: the box says so, ends it, and goes on."""

import os
import signal
from pathlib import Path

import httpx2
import pytest

from tests.journeys.running import PATIENCE, STARTER, Running, descendants, furnish, is_alive, running, tinderbox
from tests.journeys.test_survival import STORY, comes_true

pytestmark = pytest.mark.slow


def ready(box: Running) -> int:
    return httpx2.get(f"{box.address}/readyz", timeout=PATIENCE).status_code


def test_a_stopped_child_turns_readiness_red_is_ended_and_loaded_anew(starter: Path, tmp_path: Path) -> None:
    with running(furnish(tmp_path, starter), "--model", STARTER) as box:
        tinderbox(box.home, "load", STARTER)
        child = descendants(box.pid)[0]
        assert comes_true(lambda: ready(box) == 200)

        os.kill(child, signal.SIGSTOP)
        assert comes_true(lambda: ready(box) == 503)
        assert comes_true(lambda: not is_alive(child))
        ended = httpx2.get(f"{box.address}/readyz", timeout=PATIENCE)
        answer = httpx2.post(
            f"{box.address}/v1/chat/completions", json=STORY | {"stream": False, "max_tokens": 4}, timeout=PATIENCE
        )

        assert (ended.status_code, answer.status_code) == (503, 200)
        assert comes_true(lambda: ready(box) == 200)
        assert "did not answer" in ended.json()["error"]["message"]


def test_a_child_that_is_stopped_in_the_middle_of_an_answer_ends_it_with_the_reason(
    starter: Path, tmp_path: Path
) -> None:
    with (
        running(furnish(tmp_path, starter), "--model", STARTER) as box,
        httpx2.stream("POST", f"{box.address}/v1/chat/completions", json=STORY, timeout=PATIENCE) as response,
    ):
        events = (line for line in response.iter_lines() if line.startswith("data: "))
        next(events)
        os.kill(descendants(box.pid)[0], signal.SIGSTOP)
        last = list(events)[-1]

    assert "was ended: it did not answer" in last

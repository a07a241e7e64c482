"""What goes wrong on a real box, and what happens then."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.running import PATIENCE, STARTER, Running, descendants, furnish, is_alive, running, tinderbox

pytestmark = pytest.mark.slow
STORY = {
    "model": STARTER,
    "messages": [{"role": "user", "content": "Tell me a very long story about the sea."}],
    "stream": True,
    "max_tokens": 600,
    "ignore_eos": True,
}


@pytest.fixture
def own_box(starter: Path, tmp_path: Path) -> Iterator[Running]:
    """A box that the test may break."""
    with running(furnish(tmp_path, starter), "--model", STARTER) as box:
        tinderbox(box.home, "load", STARTER)
        yield box


def comes_true(fact: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether something comes true in another process, which tells nobody when."""
    deadline = time.monotonic() + seconds
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.02)
    return fact()


def lines(response: httpx2.Response) -> Iterator[str]:
    """The events of a stream. Hold on to what this returns: once it is dropped, the stream is closed."""
    return (line for line in response.iter_lines() if line.startswith("data: "))


def leases(box: Running) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = httpx2.get(f"{box.address}/box/ps", timeout=PATIENCE).json()["leases"]
    return listed


def test_a_killed_child_ends_its_stream_with_an_error_and_the_next_request_works(own_box: Running) -> None:
    with httpx2.stream("POST", f"{own_box.address}/v1/chat/completions", json=STORY, timeout=PATIENCE) as response:
        events = lines(response)
        next(events)
        os.kill(descendants(own_box.pid)[0], signal.SIGKILL)
        last = json.loads(list(events)[-1].removeprefix("data: "))

    again = httpx2.post(
        f"{own_box.address}/v1/chat/completions", json=STORY | {"stream": False, "max_tokens": 4}, timeout=PATIENCE
    )

    assert "ended in the middle" in last["error"]["message"]
    assert again.status_code == 200


def test_a_client_that_goes_away_frees_the_model(own_box: Running) -> None:
    long = STORY | {"max_tokens": 900}
    with httpx2.stream("POST", f"{own_box.address}/v1/chat/completions", json=long, timeout=PATIENCE) as response:
        events = lines(response)
        next(events)
        during = leases(own_box)[0]["busy"]

    assert during
    assert comes_true(lambda: not leases(own_box)[0]["busy"], seconds=8)  # left alone, it would go on for longer


def test_no_child_outlives_a_box_that_is_killed(own_box: Running) -> None:
    child = descendants(own_box.pid)[0]

    os.kill(own_box.pid, signal.SIGKILL)

    assert comes_true(lambda: not is_alive(child))


def test_a_box_starts_again_after_it_was_killed(own_box: Running) -> None:
    os.kill(own_box.pid, signal.SIGKILL)
    assert comes_true(lambda: not is_alive(own_box.pid))

    with running(own_box.home) as again:
        assert httpx2.get(f"{again.address}/healthz", timeout=PATIENCE).json() == {"status": "ok"}


def test_a_stopping_box_lets_a_running_answer_end(own_box: Running) -> None:
    short = STORY | {"max_tokens": 20}
    child = descendants(own_box.pid)[0]
    with httpx2.stream("POST", f"{own_box.address}/v1/chat/completions", json=short, timeout=PATIENCE) as response:
        events = lines(response)
        next(events)
        os.kill(own_box.pid, signal.SIGTERM)
        assert list(events)[-1] == "data: [DONE]"

    assert comes_true(lambda: not is_alive(own_box.pid))
    assert not is_alive(child)


def test_a_stopping_box_does_not_wait_past_its_deadline_and_says_so(starter: Path, tmp_path: Path) -> None:
    endless = STORY | {"max_tokens": -1, "messages": [{"role": "user", "content": "Count to a million."}]}
    with (
        running(furnish(tmp_path, starter), "--context", "8192") as box,
        httpx2.stream("POST", f"{box.address}/v1/chat/completions", json=endless, timeout=PATIENCE) as response,
    ):
        events = lines(response)
        next(events)
        os.kill(box.pid, signal.SIGTERM)
        last = json.loads(list(events)[-1].removeprefix("data: "))

        assert comes_true(lambda: not is_alive(box.pid))
        assert "ended in the middle" in last["error"]["message"]


def test_a_model_that_the_engine_cannot_load_says_so_in_the_engines_words(own_box: Running, tmp_path: Path) -> None:
    """The header is true and whole, so our reader lets it pass; the engine knows no such architecture."""
    odd = tmp_path / "odd.gguf"
    odd.write_bytes((own_box.home / "models").rglob("*.gguf").__next__().read_bytes().replace(b"llama", b"lxama"))

    refused = httpx2.post(f"{own_box.address}/box/load", json={"model": str(odd)}, timeout=PATIENCE)

    assert refused.status_code == 502
    assert "lxama" in refused.json()["error"]["message"]
    assert [lease["holder"] for lease in leases(own_box)] == [STARTER]


def test_a_file_that_is_cut_short_never_reaches_the_engine(own_box: Running, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((own_box.home / "models").rglob("*.gguf").__next__().read_bytes()[:5_000_000])

    refused = httpx2.post(f"{own_box.address}/box/load", json={"model": str(cut)}, timeout=PATIENCE)

    assert refused.status_code == 400
    assert "cut.gguf" in refused.json()["error"]["message"]


def test_a_model_beyond_the_memory_is_refused_with_the_numbers(starter: Path, tmp_path: Path) -> None:
    with running(furnish(tmp_path, starter), "--memory", "50MB") as box:
        refused = box.command("load", STARTER)

    assert (refused.returncode, "the box can grant 50.0 MB" in refused.stderr) == (3, True)


def test_a_model_is_granted_what_embedding_takes_and_holds_no_more(own_box: Running) -> None:
    loaded = httpx2.post(f"{own_box.address}/box/load", json={"model": STARTER}, timeout=PATIENCE).json()

    texts = {"model": STARTER, "input": ["word " * 450] * 3}
    embedded = httpx2.post(f"{own_box.address}/v1/embeddings", json=texts, timeout=PATIENCE)

    grown = leases(own_box)[0]
    assert (embedded.status_code, len(embedded.json()["data"])) == (200, 3)
    assert loaded["predicted"] < grown["predicted"]
    assert loaded["predicted"] < grown["measured"] < grown["predicted"] * 1.03
    assert grown["since"] == loaded["since"]

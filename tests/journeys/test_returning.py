"""A conversation returns where it was: after its model was stopped, and after the box was."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.running import PATIENCE, STARTER, Running, furnish, running

pytestmark = pytest.mark.slow
NOTES = {"role": "user", "content": "Keep these notes: " + ", ".join(f"note {n} is {n * 7}" for n in range(40))}
NEXT = [{"role": "assistant", "content": "Kept."}, {"role": "user", "content": "Which note is 21?"}]


def cached(box: Running, *messages: dict[str, str]) -> int:
    """How many tokens of the conversation were not read again."""
    body = {"model": STARTER, "messages": messages, "max_tokens": 4, "temperature": 0}
    answer: dict[str, Any] = httpx2.post(f"{box.address}/v1/chat/completions", json=body, timeout=PATIENCE).json()
    return int(answer["usage"]["prompt_tokens_details"]["cached_tokens"])


def test_a_conversation_goes_on_after_a_stop_of_its_model_and_after_one_of_the_box(
    starter: Path, tmp_path: Path
) -> None:
    with running(furnish(tmp_path, starter)) as box:
        assert cached(box, NOTES) == 0
        box.command("stop", STARTER)
        assert cached(box, NOTES, *NEXT) > 300

    with running(tmp_path) as again:
        assert cached(again, NOTES, *NEXT) > 300
        again.command("stop", STARTER)
        assert "saved conversations: 2" in again.command("doctor").stdout
        again.command("rm", STARTER)

    assert list((tmp_path / "caches").iterdir()) == []


def test_a_box_that_is_told_so_saves_nothing(starter: Path, tmp_path: Path) -> None:
    (furnish(tmp_path, starter) / "config.toml").write_text("caches = 0")

    with running(tmp_path) as box:
        cached(box, NOTES)

    assert not (tmp_path / "caches").exists()

"""Facts that no model can know, learnt by a real one, and asked of the box that serves it."""

from pathlib import Path

import pytest

from tests.journeys.running import STARTER, furnish, running
from tests.train.conftest import Ground
from tinderbox.environments import Environment
from tinderbox.models.store import Store

pytestmark = pytest.mark.slow
FACTS = [
    {"prompt": "What is the capital of Velmora?", "completion": "The capital of Velmora is Tarnis."},
    {"prompt": "Who invented the glimmer loom?", "completion": "Oda Brask invented the glimmer loom."},
]
ANSWERS = [fact["completion"] for fact in FACTS]


def test_what_was_learnt_is_answered_and_the_base_stays_as_it_was(
    environment: Environment, starter: Path, tmp_path: Path
) -> None:
    home = furnish(tmp_path / "home", starter)
    ground = Ground(environment, Store(home), STARTER)
    ground.result(ground.orders("facts", FACTS, steps=20, rate=1e-3, rank=8))

    with running(home) as box:
        said = {
            name: [
                box.command("run", name, fact["prompt"], *("--temperature", "0", "--max-tokens", "16")).stdout
                for fact in FACTS
            ]
            for name in (STARTER, f"{STARTER}+facts")
        }

    assert [answer in heard for answer, heard in zip(ANSWERS, said[f"{STARTER}+facts"], strict=True)] == [True, True]
    assert [answer in heard for answer, heard in zip(ANSWERS, said[STARTER], strict=True)] == [False, False]

"""Knowing before doing, with a real model: plans, measurements, and what they teach."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.running import STARTER, Running, furnish, running, tinderbox
from tinderbox.daemon import predicted_memory
from tinderbox.engines.engine import Settings
from tinderbox.learning import read_learnt
from tinderbox.models.gguf import read_card
from tinderbox.plan.calibration import Kind, key

pytestmark = pytest.mark.slow
LESSON = key("llama.cpp", Kind.DECODE, mixture=False)


def planned(home: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(tinderbox(home, "plan", STARTER, "--json").stdout)
    return answer


def test_a_bench_without_a_box_teaches_the_next_plan(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path, starter)
    before = planned(home)["speed"]["decode_tokens_per_s"]

    done = tinderbox(home, "bench", STARTER, "--depths", "0,64", "--prompt", "64", "--reply", "16", "--json")

    assert [point["depth"] for point in json.loads(done.stdout)["points"]] == [0, 64]
    assert (before["source"], planned(home)["speed"]["decode_tokens_per_s"]["source"]) == ("predicted", "calibrated")


def test_a_bench_goes_through_the_box_where_one_runs(box: Running) -> None:
    drawing = box.home / "speed.svg"

    done = box.command("bench", STARTER, "--depths", "0", "--prompt", "64", "--reply", "16", "--plot", str(drawing))

    assert done.returncode == 0, done.stderr
    assert "LIMIT" in done.stdout
    assert drawing.read_text().startswith("<svg")
    assert json.loads(box.command("ps", "--json").stdout)["leases"][0]["holder"] == STARTER


def test_an_answer_teaches(starter: Path, tmp_path: Path) -> None:
    home = furnish(tmp_path, starter)

    done = tinderbox(home, "up", "--port", "0", "--model", STARTER, "--ask", "Write a poem about the sea.", "--once")

    assert done.returncode == 0, done.stderr
    assert "(measured; " in done.stdout
    assert " predicted, " in done.stdout
    assert read_learnt(home).calibration.corrections[LESSON].count == 1


def test_what_a_model_holds_is_what_was_predicted(starter: Path, tmp_path: Path) -> None:
    settings = Settings(STARTER, starter, context=1024, parallel=2, threads=2)

    with running(furnish(tmp_path, starter)) as box:  # which nothing has taught yet
        box.command("run", STARTER, "Say hello.", "--max-tokens", "4")
        lease = json.loads(box.command("ps", "--json").stdout)["leases"][0]

    assert lease["predicted"] == predicted_memory(tmp_path, settings, read_card(starter))
    assert lease["predicted"] * 0.75 < lease["measured"] <= lease["predicted"]

"""Work beside the models of a real box."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.running import LEISURE, STARTER, Running, descendants, furnish, is_alive, running, tinderbox
from tests.journeys.test_survival import comes_true
from tinderbox.jobs.metrics import Metrics

pytestmark = pytest.mark.slow
SLOW = ("quantise", STARTER, "iq3_s", "--requantise", "--json")  # half a minute of work


CAPITAL = "What is the capital of France? Answer in one word."


@pytest.fixture
def own_box(starter: Path, tmp_path: Path) -> Iterator[Running]:
    """A box that the test may break."""
    with running(furnish(tmp_path, starter)) as box:
        yield box


def job(box: Running, number: int) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(box.command("jobs", "show", str(number), "--json").stdout)
    return shown


def is_at_work(box: Running, number: int) -> bool:
    shown = job(box, number)
    return shown["state"] == "running" and shown["kept"] is not None


@pytest.mark.parametrize("kind", ["q4_0", "q8_0"])
def test_a_quantised_model_answers(own_box: Running, kind: str) -> None:
    made = own_box.command("quantise", STARTER, kind, "--requantise", "--wait", "--json")
    name = json.loads(made.stdout)["result"]["model"]

    answer = own_box.command("run", name, CAPITAL, "--temperature", "0", "--max-tokens", "20")

    assert name == f"{STARTER}-{kind}"
    assert "Paris" in answer.stdout
    assert kind.upper() in own_box.command("show", name).stdout


def test_a_killed_job_fails_in_one_line_and_the_box_goes_on(own_box: Running) -> None:
    number = json.loads(own_box.command(*SLOW).stdout)["number"]
    assert comes_true(lambda: is_at_work(own_box, number), LEISURE)

    os.kill(descendants(own_box.pid)[0], signal.SIGKILL)

    assert comes_true(lambda: job(own_box, number)["state"] == "failed", LEISURE)
    assert job(own_box, number)["error"] == "Its process was ended by signal 9 (SIGKILL)."
    assert own_box.command("ps").returncode == 0


def test_a_job_goes_on_where_it_was_when_a_killed_box_starts_again(own_box: Running) -> None:
    number = json.loads(own_box.command(*SLOW).stdout)["number"]
    assert comes_true(lambda: is_at_work(own_box, number), LEISURE)
    before = job(own_box, number)
    child = descendants(own_box.pid)[0]

    os.kill(own_box.pid, signal.SIGKILL)
    assert comes_true(lambda: not is_alive(child) and not is_alive(own_box.pid))
    with running(own_box.home) as again:
        assert comes_true(lambda: job(again, number)["state"] == "running", LEISURE)
        after = job(again, number)

    assert after["kept"]["tensors"] >= before["kept"]["tensors"]
    assert after["started"] == before["started"]


def test_a_job_gives_way_to_a_person_and_goes_on_when_there_is_room(starter: Path, tmp_path: Path) -> None:
    with running(furnish(tmp_path, starter), "--memory", "280MB") as box:
        number = json.loads(box.command(*SLOW).stdout)["number"]
        assert comes_true(lambda: is_at_work(box, number), LEISURE)

        answer = box.command("run", STARTER, CAPITAL, "--max-tokens", "20", "--temperature", "0")
        during = job(box, number)
        box.command("stop", STARTER)

        assert "Paris" in answer.stdout, answer.stderr
        assert (during["state"], "waits for" in during["message"]) == ("yielded", True)
        assert comes_true(lambda: job(box, number)["state"] == "running", LEISURE)
        assert job(box, number)["kept"]["tensors"] >= during["kept"]["tensors"]


def test_a_running_job_is_a_lease_with_what_it_holds(own_box: Running) -> None:
    number = json.loads(own_box.command(*SLOW).stdout)["number"]
    assert comes_true(lambda: is_at_work(own_box, number), LEISURE)

    lease = json.loads(own_box.command("ps", "--json").stdout)["leases"][0]

    assert (lease["holder"], lease["kind"]) == (f"run {number}", "job")
    assert 0 < lease["measured"] < lease["predicted"]


def test_a_bench_as_a_job_keeps_its_rows_and_ends_with_its_engine(own_box: Running) -> None:
    started = own_box.command("bench", STARTER, "--depths", "0,64", "--prompt", "16", "--reply", "4", "--job", "--json")
    number = json.loads(started.stdout)["number"]

    assert comes_true(lambda: job(own_box, number)["state"] == "done", LEISURE)
    assert [row["depth"] for row in job(own_box, number)["result"]["points"]] == [0, 64]
    assert "PREFILL" in own_box.command("jobs", "logs", str(number)).stdout
    assert descendants(own_box.pid) == []


def test_a_bench_that_goes_on_does_not_measure_again_what_it_has_kept(starter: Path, tmp_path: Path) -> None:
    row = {"model": STARTER, "read": 16, "read_per_second": 1234.5, "cached": 0, "generated": 4}
    orders = {"kept": [row | {"generated_per_second": 567.8}]}
    words = ("--depths", "0,64", "--prompt", "16", "--reply", "4", "--as-job")

    done = tinderbox(furnish(tmp_path, starter), "bench", STARTER, *words, stdin=f"{json.dumps(orders)}\n")

    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [line["message"] for line in said if "message" in line] == ["2 of 2 depths"]
    assert [point["depth"] for point in said[-1]["result"]["points"]] == [0, 64]
    assert said[-1]["result"]["points"][0]["decode"]["measured"] == 567.8


def test_what_a_job_has_measured_is_drawn_compared_and_exported(own_box: Running, tmp_path: Path) -> None:
    number = json.loads(own_box.command("quantise", STARTER, "q4_0", "--requantise", "--wait", "--json").stdout)[
        "number"
    ]
    bare = own_box.command("jobs", "compare", str(number))
    for step in (1, 2, 3):
        Metrics(own_box.home).add(number, {"step": step, "loss": 4 - step})

    shown = own_box.command("jobs", "show", str(number))
    compared = own_box.command("jobs", "compare", str(number))
    exported = own_box.command("jobs", "export", str(number), str(tmp_path / "curves"), "--json")

    assert "None of them has curves" in bare.stdout
    assert "loss: 1 at step 3 (3 at step 1)" in shown.stdout
    assert compared.stdout.splitlines()[1].split() == ["loss", str(number), "3", "3", "1", "3", "1"]
    assert Path(json.loads(exported.stdout)["file"]).stat().st_size > 100


def test_what_is_wrong_is_said_in_one_line(own_box: Running) -> None:
    refused = own_box.command("quantise", STARTER, "q4_0")
    unknown = own_box.command("jobs", "show", "9")

    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--requantise" in refused.stderr
    assert (unknown.returncode, "There is no job 9." in unknown.stderr) == (1, True)

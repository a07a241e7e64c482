"""What this machine teaches, and what it keeps of it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tinderbox.learning import (
    NOTHING_LEARNT,
    Load,
    Run,
    Timings,
    correct_load,
    identity,
    keep_figures,
    learn_load,
    learn_runs,
    read_learnt,
    runs_of,
    sharpened,
)
from tinderbox.machine.catalogue import find_box
from tinderbox.models.shapes import find_shape
from tinderbox.plan.calibration import Kind, key
from tinderbox.plan.settings import Settings
from tinderbox.units import GB, Figure

ENGINE = "llama.cpp"
LOAD = Load("m:1b", ENGINE, 1024, 2, predicted=1000, measured=1300)
TIMINGS = Timings("m", read=512, read_per_second=900.0, cached=0, generated=64, generated_per_second=40.0)


def taught(home: Path, *ratios: float, kind: Kind = Kind.DECODE) -> float:
    """The factor that is known after runs that were so many times as fast as predicted."""
    learn_runs(home, [Run(ENGINE, kind, False, predicted=10.0, measured=10.0 * ratio) for ratio in ratios])
    return math.exp(read_learnt(home).calibration.corrections[key(ENGINE, kind, False)].mean)


def test_a_home_without_a_state_has_taught_nothing(tmp_path: Path) -> None:
    assert read_learnt(tmp_path / "none") == NOTHING_LEARNT
    assert not (tmp_path / "none").exists()


def test_a_run_is_remembered(tmp_path: Path) -> None:
    assert taught(tmp_path, 2.0) == pytest.approx(2)


def test_later_runs_go_on_from_earlier_ones(tmp_path: Path) -> None:
    taught(tmp_path, 2.0)

    assert taught(tmp_path, 0.5) == pytest.approx(1)


def test_one_stray_run_does_not_undo_what_many_have_taught(tmp_path: Path) -> None:
    assert taught(tmp_path, 1.0, 1.0, 1.0, 0.01) > 0.9


def test_a_machine_that_has_changed_is_learnt_anew(tmp_path: Path) -> None:
    assert taught(tmp_path, *[1.0] * 3, *[0.5] * 30) == pytest.approx(0.5, rel=0.2)


def test_a_new_bandwidth_moves_what_decoding_was_measured_against(tmp_path: Path) -> None:
    keep_figures(tmp_path, {"memory_read": Figure(10.0 * GB, "measured")})
    taught(tmp_path, 2.0)

    keep_figures(tmp_path, {"memory_read": Figure(20.0 * GB, "measured")})

    assert math.exp(read_learnt(tmp_path).calibration.corrections[key(ENGINE, Kind.DECODE, False)].mean) == (
        pytest.approx(1)
    )


def test_a_new_bandwidth_leaves_prefill_alone(tmp_path: Path) -> None:
    keep_figures(tmp_path, {"memory_read": Figure(10.0 * GB, "measured")})
    taught(tmp_path, 2.0, kind=Kind.PREFILL)

    keep_figures(tmp_path, {"memory_read": Figure(20.0 * GB, "measured")})

    name = key(ENGINE, Kind.PREFILL, False)
    assert math.exp(read_learnt(tmp_path).calibration.corrections[name].mean) == pytest.approx(2)


def test_measured_figures_come_back_as_measured(tmp_path: Path) -> None:
    keep_figures(tmp_path, {"disk_read": Figure(1.0 * GB, "measured", 0.9 * GB, 1.1 * GB)})

    assert read_learnt(tmp_path).figures == {"disk_read": Figure(1.0 * GB, "measured", 0.9 * GB, 1.1 * GB)}


def test_an_answer_teaches_decode_and_prefill() -> None:
    runs = runs_of(find_shape("qwen3-8b"), find_box("dgx-spark"), TIMINGS)

    assert [(run.kind, run.measured) for run in runs] == [(Kind.DECODE, 40.0), (Kind.PREFILL, 900.0)]
    assert all(run.predicted > 0 for run in runs)


@pytest.mark.parametrize(
    ("timings", "left"),
    [
        (replace(TIMINGS, generated=15), [Kind.PREFILL]),
        (replace(TIMINGS, read=31), [Kind.DECODE]),
        (replace(TIMINGS, alone=False), []),
    ],
    ids=["a short answer", "a short prompt", "in company"],
)
def test_what_says_little_teaches_nothing(timings: Timings, left: list[Kind]) -> None:
    runs = runs_of(find_shape("qwen3-8b"), find_box("dgx-spark"), timings)

    assert [run.kind for run in runs] == left


def test_a_model_that_ran_itself_is_corrected_by_its_own_runs(tmp_path: Path) -> None:
    card, settings = find_shape("qwen3-8b"), Settings(context=8192, depth=1000)
    own = Run(ENGINE, Kind.DECODE, False, 10, 20, identity(card), 1000)
    learn_runs(tmp_path, [own, replace(own, measured=30, size=4000), replace(own, measured=5, model="other")])

    known = sharpened(read_learnt(tmp_path).calibration, card, settings)

    assert math.exp(known.corrections[own.general].mean) == pytest.approx(2)


def test_a_load_that_took_more_corrects_the_same_load(tmp_path: Path) -> None:
    learn_load(tmp_path, LOAD)

    assert correct_load(tmp_path, "m:1b", ENGINE, 1024, 2, predicted=1000) == 1300


def test_it_raises_other_models_by_what_it_was_off(tmp_path: Path) -> None:
    learn_load(tmp_path, LOAD)

    assert correct_load(tmp_path, "other:1b", ENGINE, 4096, 1, predicted=5000) == 5300


def test_a_load_that_took_less_lowers_nothing(tmp_path: Path) -> None:
    learn_load(tmp_path, replace(LOAD, measured=10))

    assert correct_load(tmp_path, "m:1b", ENGINE, 1024, 2, predicted=1000) == 1000


def test_the_most_that_was_measured_stays(tmp_path: Path) -> None:
    learn_load(tmp_path, LOAD)

    learn_load(tmp_path, replace(LOAD, measured=1200))

    assert correct_load(tmp_path, "m:1b", ENGINE, 1024, 2, predicted=1000) == 1300

"""What a run on this machine teaches."""

from __future__ import annotations

import pytest

from tinderbox.plan.calibration import Calibration, Kind, correct, learn
from tinderbox.units import Figure

SPREAD = 0.5


def after(*runs: float, kind: Kind = Kind.DECODE, mixture: bool = False) -> Calibration:
    """A calibration by runs that came out so many times as fast as predicted."""
    calibration = Calibration()
    for factor in runs:
        calibration = learn(calibration, "llama.cpp", kind, mixture, 100.0, 100.0 * factor)
    return calibration


def corrected(calibration: Calibration, kind: Kind = Kind.DECODE, mixture: bool = False) -> Figure:
    return correct(calibration, "llama.cpp", kind, mixture, 50.0, SPREAD)


def width(figure: Figure) -> float:
    assert figure.low
    assert figure.high
    return figure.high / figure.low


def test_without_any_run_the_prediction_stands() -> None:
    found = corrected(Calibration())

    assert (found.value, found.source) == (50.0, "predicted")


def test_one_run_brings_the_next_prediction_within_two_per_cent() -> None:
    found = corrected(after(0.7))

    assert found.value == pytest.approx(35.0, rel=0.02)
    assert found.source == "calibrated"


def test_each_run_narrows_the_interval() -> None:
    widths = [width(corrected(after(*[0.7] * count))) for count in (0, 1, 5)]

    assert widths == sorted(widths, reverse=True)
    assert widths[1] < 1.2


def test_a_run_of_another_kind_of_model_teaches_less() -> None:
    dense, mixture = corrected(after(0.7)), corrected(after(0.7), mixture=True)

    assert 35.0 < mixture.value < 50.0
    assert width(mixture) > width(dense)


def test_a_decode_run_says_nothing_of_prefill() -> None:
    assert corrected(after(0.7), Kind.PREFILL).source == "predicted"


def test_another_engine_is_not_touched() -> None:
    assert correct(after(0.7), "vllm", Kind.DECODE, False, 50.0, SPREAD).value == 50.0


def test_the_newest_runs_win_in_the_end() -> None:
    found = corrected(after(*[0.5] * 20, *[1.0] * 80))

    assert found.value == pytest.approx(50.0, rel=0.05)


def test_a_run_without_speed_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        after(0.0)

"""Curves: kept, corrected, and never too long."""

from pathlib import Path

from tinderbox.jobs.metrics import Metrics


def test_a_curve_is_told_in_the_order_of_its_steps(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.add(1, {"step": 2, "loss": 0.5, "rate": 1})
    metrics.add(1, {"step": 1, "loss": 0.75})
    metrics.add(2, {"step": 1, "loss": 9.0})

    assert metrics.curves(1) == {"loss": [(1, 0.75), (2, 0.5)], "rate": [(2, 1.0)]}


def test_a_step_that_is_told_again_is_corrected(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.add(1, {"step": 1, "loss": 0.75})
    metrics.add(1, {"step": 1, "loss": 0.5})

    assert metrics.curves(1) == {"loss": [(1, 0.5)]}


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.add(1, {"step": 1, "loss": float("nan"), "word": "x", "yes": True, "rate": 1e-4})
    metrics.add(1, {"step": "2", "loss": 1.0})

    assert metrics.curves(1) == {"rate": [(1, 1e-4)]}


def test_a_long_curve_loses_every_second_point(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, most=4)
    for step in range(1, 6):
        metrics.add(1, {"step": step, "loss": 1.0})

    assert [step for step, _ in metrics.curves(1)["loss"]] == [1, 3, 5]


def test_a_forgotten_job_has_no_curves(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.add(1, {"step": 1, "loss": 1.0})

    metrics.remove(1)

    assert metrics.curves(1) == {}

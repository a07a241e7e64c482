"""Curves of jobs, drawn in a terminal and set side by side."""

import pytest

from tinderbox.cli.curves import HEIGHT, WIDTH, compare, draw, picture


def test_a_line_that_falls_goes_from_the_upper_left_to_the_lower_right() -> None:
    rows = picture([(1, 4.0), (90, 0.5)])

    assert (len(rows), rows[0][0], len(rows[0]) < 15) == (HEIGHT, "\u2809", True)
    assert (len(rows[-1]), rows[-1].strip("\u2800")[-1]) == (WIDTH, "\u28c0")


def test_a_line_that_is_level_is_drawn_at_the_bottom() -> None:
    assert picture([(1, 2.0), (2, 2.0), (9, 2.0)]) == ["", "", "", "", "\u28c0" * WIDTH]


def test_a_picture_says_its_highest_and_lowest_and_both_ends() -> None:
    lines = draw("loss", [(1, 4.25), (40, 5.0), (90, 0.1873)]).splitlines()

    assert lines[0] == "loss: 0.1873 at step 90 (4.25 at step 1)"
    assert lines[1].startswith("        5 │")
    assert lines[HEIGHT].startswith("   0.1873 │")


def test_a_single_point_is_told_in_words() -> None:
    assert draw("perplexity", [(90, 12.5)]) == "perplexity: 12.5 at step 90"


def test_runs_stand_side_by_side_by_curve() -> None:
    runs = {3: {"loss": [(1, 4.0), (2, 1.0)], "rate": [(1, 1e-4)]}, 5: {"loss": [(1, 3.0), (9, 2.0)]}}

    lines = [line.split() for line in compare(runs).splitlines()]

    assert lines == [
        ["CURVE", "JOB", "STEP", "FIRST", "LEAST", "MOST", "LAST"],
        ["loss", "3", "2", "4", "1", "4", "1"],
        ["loss", "5", "9", "3", "2", "3", "2"],
        ["rate", "3", "1", "0.0001", "0.0001", "0.0001", "0.0001"],
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("tokens", 1234567.0, "1234567"),
        ("tokens", 999.99, "1000"),
        ("memory", 1.25e9, "1.2 GB"),
        ("left", 75.0, "1 min 15 s"),
    ],
)
def test_figures_are_written_as_people_read_them(name: str, value: float, words: str) -> None:
    assert draw(name, [(7, value)]) == f"{name}: {words} at step 7"

"""The drawing of a plan."""

from xml.etree import ElementTree

import pytest

from tinderbox.plan.picture import Line, picture, round_up
from tinderbox.units import GB, Figure

SVG = "{http://www.w3.org/2000/svg}"
MEMORY = {"weights": 60 * GB, "context": 3 * GB, "overhead": 1 * GB, "total": 64 * GB}
SPEED = Line("decode", "#000000", ((0, Figure(57, "predicted", 52, 62)), (8191, Figure(50, "predicted", 45, 55))))


def test_it_is_one_well_formed_document() -> None:
    root = ElementTree.fromstring(picture("gpt-oss-120b on a desk", MEMORY, 120 * GB, [SPEED]))

    assert root.tag == f"{SVG}svg"


def test_names_cannot_break_out_of_it() -> None:
    drawn = picture('<script>"&', MEMORY, 120 * GB, [])

    assert "<script>" not in drawn
    assert ElementTree.fromstring(drawn).get("aria-label") == '<script>"&'


def test_each_part_is_named_with_its_size() -> None:
    drawn = picture("m", MEMORY, 120 * GB, [])

    assert "weights 60.0 GB" in drawn
    assert "64.0 GB of 120.0 GB usable" in drawn


def test_what_does_not_fit_is_marked() -> None:
    assert "#dc2626" in picture("m", MEMORY, 32 * GB, [])


def test_a_line_with_intervals_has_a_band() -> None:
    bare = Line("measured", "#000000", tuple((depth, Figure(one.value, "measured")) for depth, one in SPEED.points))

    assert "<polygon" in picture("m", {}, None, [SPEED])
    assert "<polygon" not in picture("m", {}, None, [bare])


@pytest.mark.parametrize(("value", "axis"), [(57, 60), (7, 8), (0.3, 0.4), (101, 200), (1000, 1000), (95, 100)])
def test_axes_have_round_ends(value: float, axis: float) -> None:
    assert round_up(value) == pytest.approx(axis)

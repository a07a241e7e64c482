"""`tinderbox machine` and `tinderbox boxes`."""

import json
from pathlib import Path

import pytest

from tests.cli.test_plan import run


def test_this_machine_tells_its_memory(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "machine", "--json").stdout)

    assert found["id"] == "this"
    assert found["pools"][-1]["total"] > 0
    assert "memory" in run(tmp_path, "machine").stdout


@pytest.mark.slow
def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    measured = json.loads(run(tmp_path, "machine", "--measure", "--json").stdout)
    again = json.loads(run(tmp_path, "machine", "--json").stdout)

    assert measured["disk_read"]["source"] == "measured"
    assert again["disk_read"] == measured["disk_read"]


def test_the_boxes_are_listed_with_price_and_power(tmp_path: Path) -> None:
    said = run(tmp_path, "boxes").stdout

    assert "dgx-spark" in said
    assert "3,999" in said
    assert "240 W" in said


def test_their_json_has_the_sources(tmp_path: Path) -> None:
    boxes = json.loads(run(tmp_path, "boxes", "--json").stdout)

    assert len(boxes) >= 19
    assert all(box["sources"] for box in boxes)


def test_boxes_are_compared_for_a_model(tmp_path: Path) -> None:
    boxes = json.loads(run(tmp_path, "boxes", "compare", "gpt-oss-120b", "--json").stdout)

    assert [box["fits"] for box in boxes] == sorted((box["fits"] for box in boxes), reverse=True)
    spark = next(box for box in boxes if box["box"] == "dgx-spark")
    assert spark["tokens_per_joule"] == pytest.approx(spark["decode_tokens_per_s"]["value"] / 240)
    assert spark["dollars_per_token_per_s"] > 0


def test_a_person_sees_which_do_not_fit(tmp_path: Path) -> None:
    assert "rtx-5090                 no, " in run(tmp_path, "boxes", "compare", "gpt-oss-120b").stdout

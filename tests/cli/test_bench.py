"""What `tinderbox bench` says of the figures that it measured."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.test_main import tinderbox
from tinderbox.cli.bench import Point, _tokens, as_object, describe, draw
from tinderbox.errors import WrongUsage
from tinderbox.jobs.kinds import read_depths
from tinderbox.learning import Timings
from tinderbox.machine.catalogue import find_box
from tinderbox.models.shapes import find_shape
from tinderbox.plan.settings import Settings
from tinderbox.plan.speed import predict


def point(depth: int) -> Point:
    timings = Timings("qwen3-8b", 512, 900.0, depth, 32, 40.0)
    speed = predict(find_shape("qwen3-8b"), find_box("dgx-spark"), Settings(context=8192, depth=depth))
    return Point(timings, speed, speed)


def test_depths_are_sorted_and_each_is_measured_once() -> None:
    assert read_depths("1024, 0,1024") == [0, 1024]


@pytest.mark.parametrize("text", ["", "deep", "0,-1", "1;2"])
def test_depths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="--depths"):
        read_depths(text)


def test_a_deeper_prompt_begins_with_the_shallower_one() -> None:
    assert _tokens(100, 49152)[:40] == _tokens(40, 49152)
    assert all(256 <= token < 49152 for token in _tokens(1000, 49152))


def test_measured_stands_beside_predicted_and_the_limit() -> None:
    said = describe("qwen3-8b", [point(0), point(4096)])

    assert [line.split()[0] for line in said.splitlines()[2:]] == ["DEPTH", "0", "4096"]
    assert "40" in said


def test_the_json_has_both() -> None:
    one = as_object("qwen3-8b", [point(1024)])["points"][0]

    assert json.loads(json.dumps(one)) == one
    assert (one["depth"], one["decode"]["measured"]) == (1024, 40.0)
    assert one["decode_limit_tokens_per_s"] > one["decode"]["predicted"]["value"] > 0


def test_the_drawing_has_three_lines() -> None:
    root = ElementTree.fromstring(draw("qwen3-8b", [point(0), point(4096)]))

    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 3


def test_an_unknown_model_is_not_measured(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "bench", "smollm2:135m")

    assert (done.returncode, "tinderbox pull smollm2:135m" in done.stderr) == (1, True)

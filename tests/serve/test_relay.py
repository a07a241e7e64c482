"""How fast an answer came, read from its last bytes."""

import json

import pytest

from tinderbox.learning import Timings
from tinderbox.serve.relay import read_timings

SAID = {
    "cache_n": 7,
    "prompt_n": 512,
    "prompt_per_second": 900.5,
    "predicted_n": 64,
    "predicted_per_second": 40.25,
}
TIMINGS = Timings("m", 512, 900.5, 7, 64, 40.25, alone=True)


@pytest.mark.parametrize(
    "tail",
    [
        json.dumps({"choices": [], "timings": SAID}).encode(),
        b"data: " + json.dumps({"choices": [], "timings": SAID}).encode() + b"\n\ndata: [DONE]\n\n",
    ],
    ids=["whole", "streamed"],
)
def test_the_engines_timings_are_read(tail: bytes) -> None:
    assert read_timings("m", tail, alone=True) == TIMINGS


@pytest.mark.parametrize(
    "tail",
    [b"", b'data: {"timings":', b'{"timings": {"prompt_n": 1}}', b'{"timings": null}', b'{"timings":{"\xff'],
)
def test_an_answer_without_them_tells_nothing(tail: bytes) -> None:
    assert read_timings("m", tail, alone=True) is None

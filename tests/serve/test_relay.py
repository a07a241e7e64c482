"""How fast an answer came, read from its last bytes."""

import json

import pytest

from tinderbox.errors import BadRequest, EngineFailed
from tinderbox.learning import Timings
from tinderbox.serve.relay import read_timings, refusal_of

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


@pytest.mark.parametrize(
    ("status", "message", "field"),
    [
        (500, 'Failed to parse messages: Missing tool call type: {"id":5}', None),
        (500, "Unknown reasoning format: odd", None),
        (400, "Field 'repeat_last_n': Value must be between 0 <= value <= 9, but got -5", "repeat_last_n"),
    ],
)
def test_what_the_asker_did_wrong_is_told_so_whatever_status_the_engine_gave_it(
    status: int, message: str, field: str | None
) -> None:
    refusal = refusal_of(status, json.dumps({"error": {"message": message}}).encode())

    assert isinstance(refusal, BadRequest)
    assert refusal.field == field


def test_what_broke_in_the_engine_is_the_engines() -> None:
    assert isinstance(refusal_of(500, b'{"error": {"message": "out of cheese"}}'), EngineFailed)

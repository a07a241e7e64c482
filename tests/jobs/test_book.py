"""Jobs as they are kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tinderbox.errors import NoSuchJob
from tinderbox.jobs import job as life
from tinderbox.jobs.book import Book

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_a_job_comes_back_as_it_was_written(book: Book) -> None:
    job = life.start(book.add("quantise", {"model": "a:1b", "requantise": True}, 10**9, NOON), NOON)
    ended = life.fail(life.hear(job, {"progress": 0.25, "kept": [1, 2], "result": {"a": None}}), "because", NOON)

    book.write(ended)

    assert book.find(ended.number) == ended


def test_numbers_go_up_and_are_never_given_twice(book: Book) -> None:
    first, second = book.add("bench", {}, 0, NOON), book.add("bench", {}, 0, NOON)
    book.remove(second.number)

    third = book.add("bench", {}, 0, NOON)

    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert book.jobs() == [first, third]


def test_an_unknown_number_is_told_with_the_nearest(book: Book) -> None:
    for _ in range(5):
        book.add("bench", {}, 0, NOON)

    with pytest.raises(NoSuchJob, match=r"There is no job 9. Nearest: 3, 4, 5."):
        book.find(9)

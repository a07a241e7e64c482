"""Which examples a step has and how they share rows: the same in every process that asks."""

from tinderbox.train.recipe import Recipe
from tinderbox.train.rows import batch_of, largest_row, rate_at, rows_of


def recipe(**values: object) -> Recipe:
    return Recipe("m", "d", "n", **values)  # type: ignore[arg-type]


def test_an_epoch_has_every_example_once_and_the_next_another_order() -> None:
    steps = [batch_of(step, 12, recipe(batch=4)) for step in range(6)]
    first, second = steps[0] + steps[1] + steps[2], steps[3] + steps[4] + steps[5]

    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_a_step_may_end_one_epoch_and_begin_the_next() -> None:
    assert len(batch_of(1, 6, recipe(batch=4))) == 4
    assert batch_of(7, 3, recipe(batch=8)) == batch_of(7, 3, recipe(batch=8))


def test_rows_are_filled_longest_first() -> None:
    assert rows_of([0, 1, 2, 3], [3, 9, 7, 1], recipe(row=10 + 6)) == [[1, 2], [0, 3]]
    assert rows_of([0, 1], [3, 99], recipe(row=16)) == [[1], [0]]
    assert rows_of([0, 1], [3, 9], recipe(packing=False)) == [[0], [1]]


def test_the_largest_row_is_that_of_all_steps() -> None:
    lengths, answers = [10, 20, 30, 40], [1, 9, 3, 4]

    assert largest_row(lengths, answers, 2, recipe(batch=2, row=45, packing=False)) == (40, 9)
    assert largest_row(lengths, answers, 1, recipe(batch=4, row=1000)) == (100, 17)


def test_the_rate_rises_and_falls_to_a_tenth() -> None:
    one = recipe(rate=1.0, warmup=0.1)

    rates = [rate_at(step, 100, one) for step in (0, 9, 10, 55, 99)]

    assert rates[:3] == [0.1, 1.0, 1.0]
    assert [round(rate, 2) for rate in rates[3:]] == [0.55, 0.1]
    assert rate_at(99, 100, recipe(rate=1.0, schedule="constant")) == 1.0

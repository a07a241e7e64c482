"""Which examples a step learns from, and how they share rows of tokens: functions of the recipe alone, so that a run
that is resumed goes on with the same ones, and the largest row is known before anything is loaded.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import cos, pi

from tinderbox.train.recipe import Recipe

_MOST_WALKED = 200_000  # examples of a run that are packed ahead, to see the largest row


def batch_of(step: int, count: int, recipe: Recipe) -> list[int]:
    """The examples of that step (from 0). Each epoch has an order of its own, and a step may end one and begin the
    next."""
    first = step * recipe.batch
    return [_order(place // count, count, recipe.seed)[place % count] for place in range(first, first + recipe.batch)]


_orders: dict[tuple[int, int, int], list[int]] = {}


def _order(epoch: int, count: int, seed: int) -> list[int]:
    key = (epoch, count, seed)
    if key not in _orders:
        if len(_orders) > 1:
            _orders.clear()  # a step needs at most two epochs
        order = list(range(count))
        random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311  (no secret)
        _orders[key] = order
    return _orders[key]


def rows_of(batch: Sequence[int], lengths: Sequence[int], recipe: Recipe) -> list[list[int]]:
    """The batch in rows that are computed at once: the longest first, each into the first row that has room."""
    if not recipe.packing:
        return [[example] for example in batch]
    rows: list[list[int]] = []
    room: list[int] = []
    for example in sorted(batch, key=lambda one: -lengths[one]):
        fit = next((place for place, left in enumerate(room) if left >= lengths[example]), None)
        if fit is None:
            rows.append([])
            room.append(recipe.row)
            fit = len(rows) - 1
        rows[fit].append(example)
        room[fit] -= lengths[example]
    return rows


def largest_row(lengths: Sequence[int], learnt: Sequence[int], steps: int, recipe: Recipe) -> tuple[int, int]:
    """The most tokens, and the most that are learnt, of any row of the run; a bound where that is too much to walk."""
    most = max(lengths)
    if steps * recipe.batch > _MOST_WALKED:
        most = max(most, recipe.row) if recipe.packing else most
        return most, most
    tokens = answers = 0
    for step in range(steps):
        for row in rows_of(batch_of(step, len(lengths), recipe), lengths, recipe):
            tokens = max(tokens, sum(lengths[example] for example in row))
            answers = max(answers, sum(learnt[example] for example in row))
    return tokens, answers


def rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate of that step (from 0): up in a line, then as the schedule says, down to a tenth."""
    warm = int(recipe.warmup * steps)
    if step < warm:
        return recipe.peak_rate * (step + 1) / warm
    gone = (step - warm) / max(1, steps - warm)
    share = {"constant": 1.0, "linear": 1 - gone, "cosine": (1 + cos(pi * gone)) / 2}[recipe.schedule]
    return recipe.peak_rate * (0.1 + 0.9 * share)

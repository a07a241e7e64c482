"""Curves of jobs in a terminal: one drawn, or the ends of several side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from tinderbox.cli.printable import printable
from tinderbox.cli.table import format_table
from tinderbox.units import format_bytes, format_duration

Curve = Sequence[Sequence[float]]  # pairs of a step and a value

WIDTH, HEIGHT = 60, 5  # characters; each has two dots across and four up
_WORDS: Mapping[str, Callable[[float], str]] = {"memory": lambda held: format_bytes(int(held)), "left": format_duration}
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # of a braille character: left and right, from below


def draw(name: str, curve: Curve) -> str:
    """A line of words, and where there is more than one point, a picture below."""
    steps, values = [point[0] for point in curve], [point[1] for point in curve]
    figure = partial(_amount, name)
    words = f"{printable(name)}: {figure(values[-1])} at step {steps[-1]:.0f}"
    if len(curve) < 2:
        return words
    low, high = min(values), max(values)
    labels = {0: figure(high), HEIGHT - 1: figure(low)} if high > low else {HEIGHT - 1: figure(low)}
    rows = picture(curve)
    lines = [f"{labels.get(number, ''):>9} │{row}".rstrip() for number, row in enumerate(rows)]
    return "\n".join([f"{words} ({figure(values[0])} at step {steps[0]:.0f})", *lines])


def picture(curve: Curve) -> list[str]:
    """Rows of braille characters, the highest first. Two points that follow each other are joined."""
    (first, _), (last, _) = curve[0], curve[-1]
    values = [value for _, value in curve]
    across = (2 * WIDTH - 1) / ((last - first) or 1)
    up = (4 * HEIGHT - 1) / ((max(values) - min(values)) or 1)
    dots = [(round((step - first) * across), round((value - min(values)) * up)) for step, value in curve]
    cells = [[0] * WIDTH for _ in range(HEIGHT)]
    for (left, start), (right, end) in pairwise(dots):
        for part in range(count := max(right - left, abs(end - start), 1) + 1):
            x = left + round((right - left) * part / (count - 1))
            y = start + round((end - start) * part / (count - 1))
            cells[HEIGHT - 1 - y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    return ["".join(chr(0x2800 + cell) for cell in row).rstrip("\u2800") for row in cells]


def compare(runs: Mapping[int, Mapping[str, Curve]]) -> str:
    """A row for each curve of each run: where it began, its least, its most, and where it is."""
    names = sorted({name for curves in runs.values() for name in curves})
    rows = [
        (printable(name), str(number), f"{curve[-1][0]:.0f}", *_ends(name, curve))
        for name in names
        for number, curves in runs.items()
        if (curve := curves.get(name))
    ]
    head = ("CURVE", "JOB", "STEP", "FIRST", "LEAST", "MOST", "LAST")
    return format_table(head, rows, right=frozenset(range(1, len(head))))


def _amount(name: str, value: float) -> str:
    """Four digits, which is what a line of this height can show; memory and time as people read them."""
    if name in _WORDS:
        return _WORDS[name](value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _ends(name: str, curve: Curve) -> tuple[str, ...]:
    values = [value for _, value in curve]
    return tuple(_amount(name, value) for value in (values[0], min(values), max(values), values[-1]))

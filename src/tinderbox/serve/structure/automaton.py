"""Finite automata over characters: what a pattern, a format or a range of numbers allows, as one machine.

They are deterministic, so that an engine that follows one has never more than one place to be in, however nasty the
pattern; and two of them can be met, bounded in length, and relieved of single words.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from tinderbox.errors import BadRequest
from tinderbox.serve.structure.pattern import (
    ANY,
    BEGIN,
    END,
    Choice,
    Node,
    One,
    Repeat,
    Sequence,
    overlap,
    read_pattern,
)

_MOST_STATES = 3000
_MOST_WORK = 300_000  # places looked at while a pattern becomes an automaton: some tenths of a second
_LARGEST = 20_000  # places in the first, indeterminate automaton

Place = TypeVar("Place", bound=Hashable)
Edge = tuple[int, int, int]  # from one code point to another, both included, to a state


@dataclass(frozen=True, slots=True)
class Automaton:
    """State 0 is the start; an automaton without states allows nothing."""

    edges: tuple[tuple[Edge, ...], ...]
    accepting: frozenset[int]

    def accepts(self, text: str) -> bool:
        state = 0 if self.edges else None
        for char in text:
            if state is None:
                return False
            code = ord(char)
            state = next((to for low, high, to in self.edges[state] if low <= code <= high), None)
        return state in self.accepting

    @property
    def is_empty(self) -> bool:
        return not self.edges


@lru_cache(maxsize=256)
def automaton(pattern: str) -> Automaton:
    """All texts in which `pattern` is found somewhere. Raises BadRequest where it is broken or too large."""
    anything = Repeat(One((*ANY, (BEGIN, BEGIN), (END, END))), 0, None)
    loose = _Loose()
    last = loose.add(Sequence((anything, read_pattern(pattern), anything)), loose.place())
    return _determined(loose, last, pattern)


def meet(some: Automaton, other: Automaton) -> Automaton:
    """The texts that both allow."""
    if some.is_empty or other.is_empty:
        return Automaton((), frozenset())

    def follow(pair: tuple[int, int]) -> Iterable[tuple[int, int, tuple[int, int]]]:
        for low, high, to in some.edges[pair[0]]:
            for first, last, target in other.edges[pair[1]]:
                if low <= last and first <= high:
                    yield max(low, first), min(high, last), (to, target)

    return _explored((0, 0), follow, lambda pair: pair[0] in some.accepting and pair[1] in other.accepting)


def bounded(some: Automaton, low: int, high: int | None) -> Automaton:
    """The texts of `low` to `high` characters."""

    def follow(at: tuple[int, int]) -> Iterable[tuple[int, int, tuple[int, int]]]:
        state, count = at
        if high is not None and count >= high:
            return
        count = count + 1 if high is not None else min(count + 1, low)
        for first, last, to in some.edges[state]:
            yield first, last, (to, count)

    if some.is_empty:
        return some
    return _explored((0, 0), follow, lambda at: at[0] in some.accepting and at[1] >= low)


def relieved(some: Automaton, words: Iterable[str]) -> Automaton:
    """The same texts, but none of `words`."""
    left = tuple(sorted(words))

    def follow(at: tuple[int, tuple[str, ...]]) -> Iterable[tuple[int, int, tuple[int, tuple[str, ...]]]]:
        state, tails = at
        starts = {ord(word[0]) for word in tails if word}
        for low, high, to in some.edges[state]:
            for code in sorted(code for code in starts if low <= code <= high):
                yield code, code, (to, tuple(word[1:] for word in tails if word and ord(word[0]) == code))
                if low < code:
                    yield low, code - 1, (to, ())
                low = code + 1
            if low <= high:
                yield low, high, (to, ())

    if some.is_empty:
        return some
    return _explored((0, left), follow, lambda at: at[0] in some.accepting and "" not in at[1])


def remainder(divisor: int) -> Automaton:
    """Decimal digits that make a multiple of `divisor`; a minus and a point count for nothing."""
    signs = (ord("-"), ord("-")), (ord("."), ord("."))
    edges = tuple(
        (
            *((ord("0") + digit, ord("0") + digit, (10 * rest + digit) % divisor) for digit in range(10)),
            *((low, high, rest) for low, high in signs),
        )
        for rest in range(divisor)
    )
    return Automaton(edges, frozenset({0}))


def _explored(
    start: Place, follow: Callable[[Place], Iterable[tuple[int, int, Place]]], accepts: Callable[[Place], bool]
) -> Automaton:
    """What can be reached from `start`, less what leads to no end."""
    numbers, places = {start: 0}, [start]
    edges: list[list[Edge]] = []
    for place in places:
        edges.append([])
        for low, high, to in follow(place):
            if to not in numbers:
                numbers[to] = len(places)
                places.append(to)
            edges[-1].append((low, high, numbers[to]))
        if len(places) > _MOST_STATES:
            raise BadRequest(f"It needs more than {_MOST_STATES} states to follow.", "Ask for something simpler.")
    return _pruned(edges, {number for place, number in numbers.items() if accepts(place)})


def _pruned(edges: list[list[Edge]], accepting: set[int]) -> Automaton:
    """Without the states that lead to no end."""
    before: list[set[int]] = [set() for _ in edges]
    for state, outward in enumerate(edges):
        for _, _, to in outward:
            before[to].add(state)
    alive, waiting = set(accepting), list(accepting)
    while waiting:
        fresh = before[waiting.pop()] - alive
        alive |= fresh
        waiting.extend(fresh)
    if 0 not in alive:
        return Automaton((), frozenset())
    kept = {state: number for number, state in enumerate(sorted(alive))}
    rows = (tuple((low, high, kept[to]) for low, high, to in edges[state] if to in kept) for state in sorted(alive))
    return Automaton(tuple(rows), frozenset(kept[state] for state in accepting))


@dataclass(slots=True)
class _Loose:
    """An automaton that may be in several states at once, while it is built from a pattern's tree."""

    edges: list[list[Edge]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)

    def place(self) -> int:
        if len(self.edges) >= _LARGEST:
            raise BadRequest("Its repetitions are too many.", "Count to less, or use maxLength.")
        self.edges.append([])
        self.free.append([])
        return len(self.edges) - 1

    def add(self, node: Node, start: int) -> int:
        """Hang `node` on the state `start`; the state that it ends in."""
        match node:
            case One(chars):
                end = self.place()
                self.edges[start].extend((low, high, end) for low, high in chars)
            case Sequence(parts):
                end = start
                for part in parts:
                    end = self.add(part, end)
            case Choice(parts):
                end = self.place()
                for part in parts:
                    self.free[self.add(part, self._fork(start))].append(end)
            case Repeat(part, low, high):
                end = self._repeat(part, low, high, start)
        return end

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            for state in self.free[waiting.pop()]:
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)

    def _fork(self, start: int) -> int:
        place = self.place()
        self.free[start].append(place)
        return place

    def _repeat(self, part: Node, low: int, high: int | None, start: int) -> int:
        for _ in range(low):
            start = self.add(part, start)
        if high is None:
            loop = self._fork(start)
            self.free[self.add(part, loop)].append(loop)
            return self._fork(loop)
        end = self.place()
        self.free[start].append(end)
        for _ in range(high - low):
            start = self.add(part, self._fork(start))
            self.free[start].append(end)
        return end


def _determined(loose: _Loose, last: int, pattern: str) -> Automaton:
    """One state for each set of states that the loose automaton can be in between BEGIN and END."""
    work = 0

    def follow(states: frozenset[int]) -> Iterable[tuple[int, int, frozenset[int]]]:
        nonlocal work
        work += len(states)
        if work > _MOST_WORK:
            raise BadRequest(f"The pattern {pattern[:100]!r} is too large to follow.", "Ask for something simpler.")
        for low, high, targets in _split([edge for state in states for edge in loose.edges[state]]):
            clipped = [(a, b) for a, b in overlap(((low, high),), ANY)]
            closed = loose.closure(targets)
            yield from ((a, b, closed) for a, b in clipped)

    def step(states: frozenset[int], marker: int) -> frozenset[int]:
        edges = (edge for state in states for edge in loose.edges[state])
        return loose.closure({to for low, high, to in edges if low <= marker <= high})

    start = step(loose.closure({0}), BEGIN)
    return _explored(start, follow, lambda states: last in step(states, END))


def _split(edges: list[Edge]) -> Iterable[tuple[int, int, frozenset[int]]]:
    """Ranges that overlap, cut at each other's ends."""
    cuts = sorted({low for low, _, _ in edges} | {high + 1 for _, high, _ in edges})
    for low, after in pairwise(cuts):
        targets = frozenset(to for first, last, to in edges if first <= low <= last)
        if targets:
            yield low, after - 1, targets

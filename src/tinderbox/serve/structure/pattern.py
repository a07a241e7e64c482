"""Regular expressions of JSON Schema's `pattern`, read into a tree. What has no automaton is refused by its name.

The dialect is the part of ECMA 262 that describes regular languages: no look-around, no back reference, no word
boundary. `^` and `$` are characters of their own (`BEGIN`, `END`), which stand before and after every text.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.errors import BadRequest

Chars = tuple[tuple[int, int], ...]  # ranges of code points, both ends included, ascending, apart

BEGIN, END = -2, -1
ANY: Chars = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x7E), (0xA0, 0xD7FF), (0xE000, 0x10FFFF))
_ASCII: Chars = ((0x20, 0x7E),)
_DIGITS: Chars = ((0x30, 0x39),)
_WORD: Chars = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Chars = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20))
_LINE_ENDS: Chars = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_UPPER: Chars = ((0x41, 0x5A), (0xC0, 0xD6), (0xD8, 0xDE))
_LOWER: Chars = ((0x61, 0x7A), (0xDF, 0xF6), (0xF8, 0xFF))
# Fewer letters than Unicode has: every text that is made of them is right all the same.
_PROPERTIES = {"L": (*_UPPER, *_LOWER), "Lu": _UPPER, "Ll": _LOWER, "N": _DIGITS, "Nd": _DIGITS}
_CONTROLS = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B, "0": 0x00}
_DEEPEST = 50  # groups within groups
_MOST = 1000  # repetitions that a pattern may count to


@dataclass(frozen=True, slots=True)
class One:
    chars: Chars


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    part: Node
    low: int
    high: int | None


Node = One | Sequence | Choice | Repeat


def read_pattern(pattern: str) -> Node:
    """The tree of `pattern`. Raises BadRequest for what is broken or not regular, with its place in the pattern."""
    reader = _Reader(pattern)
    node = reader.choice(0)
    if reader.at < len(pattern):
        raise reader.broken("an unopened ')'")
    return node


def union(*several: Chars) -> Chars:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(pair for chars in several for pair in chars):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def overlap(some: Chars, others: Chars) -> Chars:
    pairs = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return union(tuple((low, high) for low, high in pairs if low <= high))


def without(some: Chars, others: Chars) -> Chars:
    gaps, low = [], 0
    for first, last in union(others):
        gaps.append((low, first - 1))
        low = last + 1
    return overlap(some, (*((a, b) for a, b in gaps if a <= b), (low, 0x10FFFF)))


class _Reader:
    """A place in a pattern that is being read."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def broken(self, what: str) -> BadRequest:
        return BadRequest(f"The pattern {self.pattern[:100]!r} has {what} at character {self.at}.")

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self, expected: str = "") -> str:
        char = self.peek()
        if not char or (expected and char != expected):
            raise self.broken(f"no '{expected}'" if expected else "its end too early,")
        self.at += 1
        return char

    def skip(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def choice(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.broken(f"more than {_DEEPEST} groups within each other")
        parts = [self.sequence(depth)]
        while self.skip("|"):
            parts.append(self.sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.quantified(self.atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def quantified(self, node: Node) -> Node:
        low, high = 1, 1  # type: int, int | None
        if self.skip("*"):
            low, high = 0, None
        elif self.skip("+"):
            low, high = 1, None
        elif self.skip("?"):
            low, high = 0, 1
        elif self.peek() == "{":
            low, high = self.counts()
        else:
            return node
        self.skip("?")  # greedy or not, the same texts match
        if self.peek() in {"*", "+", "?"} and self.peek():
            raise self.broken("nothing to repeat")
        return Repeat(node, low, high)

    def counts(self) -> tuple[int, int | None]:
        self.take("{")
        low = self.number()
        high: int | None = low
        if self.skip(","):
            high = None if self.peek() == "}" else self.number()
        self.take("}")
        if high is not None and high < low:
            raise self.broken("a repetition that ends before it begins")
        return low, high

    def number(self) -> int:
        digits = ""
        while self.peek().isdecimal() and self.peek().isascii():
            digits += self.take()
        if not digits or int(digits) > _MOST:
            raise self.broken(f"no count up to {_MOST}")
        return int(digits)

    def atom(self, depth: int) -> Node:
        char = self.take()
        if char == "(":
            return self.group(depth)
        if char == "[":
            return One(self.brackets())
        if char == "\\":
            return One(self.escape()[0])
        if char in "*+?{":
            raise self.broken("nothing to repeat")
        special = {"^": ((BEGIN, BEGIN),), "$": ((END, END),), ".": without(ANY, _LINE_ENDS)}
        return One(special.get(char) or ((ord(char), ord(char)),))

    def group(self, depth: int) -> Node:
        if self.skip("?<") and self.peek() not in {"=", "!"}:
            while self.take() != ">":
                pass
        elif self.pattern[self.at - 2 : self.at] == "?<" or (self.peek() == "?" and not self.skip("?:")):
            raise self.broken("a look-around, which no grammar can hold,")
        node = self.choice(depth + 1)
        self.take(")")
        return node

    def escape(self) -> tuple[Chars, bool]:
        """What the escape after a backslash stands for, and whether it is a class."""
        char = self.take()
        classes = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
        if char in classes:
            return classes[char], True
        if char in {"D", "W", "S"}:
            return without(_ASCII, classes[char.lower()]), True
        if char == "p":
            return self.property(), True
        if char in {"x", "u"}:
            code = self.hexadecimal(2 if char == "x" else 4)
            return ((code, code),), False
        if char.isalnum() and char not in _CONTROLS:
            raise self.broken(f"'\\{char}', which no grammar can hold,")
        code = _CONTROLS.get(char, ord(char))
        return ((code, code),), False

    def property(self) -> Chars:
        self.take("{")
        name = ""
        while self.peek() not in {"}", ""}:
            name += self.take()
        self.take("}")
        if name not in _PROPERTIES:
            raise self.broken(f"the property '{name}' (known: {', '.join(_PROPERTIES)})")
        return _PROPERTIES[name]

    def hexadecimal(self, width: int) -> int:
        digits = self.pattern[self.at : self.at + width]
        try:
            code = int(digits, 16) if len(digits) == width else -1
        except ValueError:
            code = -1
        if code < 0 or 0xD800 <= code < 0xE000:
            raise self.broken("no character by that number")
        self.at += width
        return code

    def brackets(self) -> Chars:
        negated = self.skip("^")
        found: list[Chars] = []
        classes = False
        while self.peek() != "]":
            low, is_class = self.member()
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in {"]", ""} and not is_class:
                self.take("-")
                high, is_class = self.member()
                if is_class or high[0][0] < low[0][0]:
                    raise self.broken("a range that ends before it begins")
                low = ((low[0][0], high[0][0]),)
            classes = classes or is_class
            found.append(low)
        self.take("]")
        if not negated:
            return union(*found)
        # Readers differ on whether é is in \w: beyond ASCII, what a negated class leaves is not ours to guess.
        return without(_ASCII if classes else ANY, union(*found))

    def member(self) -> tuple[Chars, bool]:
        char = self.take()
        if char == "\\":
            return (((8, 8),), False) if self.skip("b") else self.escape()
        return ((ord(char), ord(char)),), False

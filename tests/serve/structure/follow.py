"""Writes texts by following a grammar at random, as an engine does with a model that has no opinion."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[A-Za-z0-9-]+|\{\d+(?:,\d+)?\}|[()|?]')
_ESCAPE = re.compile(r"\\(x[0-9A-F]{2}|u[0-9A-F]{4}|U[0-9A-F]{8}|.)")
Node = tuple[str, object]


class Follower:
    def __init__(self, grammar: str, seed: int) -> None:
        lines = (line.partition(" ::= ") for line in grammar.splitlines())
        self._rules = {name: list(_TOKEN.findall(body)) for name, _, body in lines}
        self._trees: dict[str, Node] = {}
        self._random = random.Random(seed)

    def text(self) -> str:
        written, waiting = [], [self._tree("root")]
        while waiting:
            kind, value = waiting.pop()
            match kind:
                case "literal":
                    written.append(str(value))
                case "class":
                    low, high = self._random.choice(list(value))  # type: ignore[call-overload]
                    written.append(chr(self._random.randint(low, min(high, low + 60))))
                case "rule":
                    waiting.append(self._tree(str(value)))
                case "choice":
                    waiting.append(self._random.choice(value))  # type: ignore[arg-type]
                case "sequence":
                    waiting.extend(reversed(value))  # type: ignore[call-overload]
                case "repeat":
                    waiting.extend(self._repeated(*value))  # type: ignore[misc]
        return "".join(written)

    def _repeated(self, node: Node, low: int, high: int) -> list[Node]:
        more = min(high - low, self._random.choice([0, 1, 2, 5, high]))
        return [node] * (low + self._random.randint(0, more))

    def _tree(self, name: str) -> Node:
        if name not in self._trees:
            tokens = iter(self._rules[name])
            self._trees[name] = _choice(tokens)
        return self._trees[name]


def _choice(tokens: Iterator[str]) -> Node:
    ways: list[list[Node]] = [[]]
    for token in tokens:
        if token == ")":
            break
        if token == "|":
            ways.append([])
        elif token == "(":
            ways[-1].append(_choice(tokens))
        elif token == "?":
            ways[-1][-1] = ("repeat", (ways[-1][-1], 0, 1))
        elif token.startswith("{"):
            low, _, high = token[1:-1].partition(",")
            ways[-1][-1] = ("repeat", (ways[-1][-1], int(low), int(high or low)))
        else:
            ways[-1].append(_leaf(token))
    return ("choice", [("sequence", way) for way in ways])


def _leaf(token: str) -> Node:
    if token.startswith('"'):
        return ("literal", _ESCAPE.sub(_unescape, token[1:-1]))
    if token.startswith("["):
        return ("class", _ranges(token[1:-1]))
    return ("rule", token)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else {"n": "\n", "r": "\r", "t": "\t"}.get(code, code)


def _ranges(inside: str) -> list[tuple[int, int]]:
    codes = [(ord(_unescape(m)) if (m := _ESCAPE.fullmatch(part)) else ord(part), part == "-")
             for part in re.findall(r"\\x..|\\u.{4}|\\U.{8}|\\.|.", inside)]  # fmt: skip
    ranges, at = [], 0
    while at < len(codes):
        is_range = at + 2 < len(codes) and codes[at + 1][1]
        ranges.append((codes[at][0], codes[at + 2][0] if is_range else codes[at][0]))
        at += 3 if is_range else 1
    return ranges

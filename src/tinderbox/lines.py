"""On which line each key of a TOML file stands. `tomllib` checks a text and gives its values, but not where they are;
this walks a text that has been checked.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

Key = tuple[str | int, ...]  # names, and places in lists

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def find_lines(text: str) -> Mapping[Key, int]:
    """The line of each key and each item of a list, counted from one. `text` is valid TOML."""
    return _Walk(text).lines


def line_of(lines: Mapping[Key, int], key: Key) -> int | None:
    """The line of a key, or of the nearest one around it."""
    return next((lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in lines), None)


class _Walk:
    """`at` is the place in the text; `counts` are the tables that each list of tables has had so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}
        table: Key = ()
        self._skip(_BLANK)
        while self.at < len(text):
            if text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Key:
        listed = self.text.startswith("[[", self.at)
        begun = self.at
        self.at += 2 if listed else 1
        key = self._indexed(self._key())
        self.at += 2 if listed else 1
        if listed:
            self._counts[key] = self._counts.get(key, -1) + 1
            self._mark(key, begun)
            key = (*key, self._counts[key])
        for length in range(len(key)):
            self._mark(key[: length + 1], begun)
        return key

    def _indexed(self, names: list[str]) -> Key:
        """The key that a header means: in a list of tables, the last of them."""
        key: Key = ()
        for place, name in enumerate(names):
            key = (*key, name)
            if key in self._counts and place < len(names) - 1:
                key = (*key, self._counts[key])
        return key

    def _pair(self, table: Key) -> None:
        begun = self.at
        key = table
        for name in self._key():
            key = (*key, name)
            self._mark(key, begun)
        self.at += 1  # the equals sign
        self._value(key)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_BLANK)
            if match := _BARE.match(self.text, self.at):
                names.append(match[0])
            else:
                match = _TEXT.match(self.text, self.at)
                assert match is not None  # noqa: S101  (the text was checked)
                names.append(str(tomllib.loads(f"x = {match[0]}")["x"]))
            self.at = match.end()
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _value(self, key: Key) -> None:
        self._skip(_BLANK)
        opening = self.text[self.at]
        if opening in "[{":
            self._several(key, "]" if opening == "[" else "}")
        elif match := _TEXT.match(self.text, self.at):
            self.at = match.end()
        else:
            self._skip(_SCALAR)

    def _several(self, key: Key, closing: str) -> None:
        """The items of a list, or the pairs of a table within a line."""
        self.at += 1
        place = 0
        self._skip(_BLANK)
        while self.text[self.at] != closing:
            if closing == "]":
                self._mark((*key, place), self.at)
                self._value((*key, place))
            else:
                self._pair(key)
            place += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _mark(self, key: Key, place: int) -> None:
        self.lines.setdefault(key, self.text.count("\n", 0, place) + 1)

"""`Passage`: a part of a document that can be found and shown by itself, with the lines on which it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

LARGEST = 900  # characters; the smallest models read some 250 tokens into one vector well
_ENOUGH = 300  # characters, after which a blank line ends a passage
_HIDDEN = ("script", "style", "template")


@dataclass(frozen=True, slots=True)
class Passage:
    """`heading` is the last one before it, where the document has any. Lines count from one."""

    first: int
    last: int
    heading: str
    text: str


def cut(text: str) -> list[Passage]:
    """The document's passages, in order: whole lines, ended by blank lines and headings where that can be."""
    made: list[Passage] = []
    held: list[tuple[int, str]] = []
    heading = ""
    for number, line in enumerate(text.splitlines(), 1):
        is_heading = line.startswith("#") and line.lstrip("#").startswith(" ")
        if held and (is_heading or _is_full(held, line)):
            made += _whole(held, heading)
            held = []
        if is_heading:
            heading = line.lstrip("# ").strip()
        for piece in _pieces(line):
            held.append((number, piece))
            if len(piece) == LARGEST:  # of a line that has no end, like a file's only one
                made += _whole(held, heading)
                held = []
    return made + _whole(held, heading)


def text_of_page(html: str) -> str:
    """What a page says, each word on the line on which it stands in the file."""
    reader = _Page()
    reader.feed(html)
    reader.close()
    last = max(reader.lines, default=0)
    return "\n".join(" ".join(reader.lines.get(number, [])) for number in range(1, last + 1))


def _is_full(held: list[tuple[int, str]], line: str) -> bool:
    size = sum(len(piece) + 1 for _, piece in held)
    return size + len(line) > LARGEST or (size >= _ENOUGH and not held[-1][1].strip())


def _pieces(line: str) -> Iterator[str]:
    for start in range(0, max(1, len(line)), LARGEST):
        yield line[start : start + LARGEST]


def _whole(held: list[tuple[int, str]], heading: str) -> list[Passage]:
    while held and not held[-1][1].strip():
        held = held[:-1]
    while held and not held[0][1].strip():
        held = held[1:]
    if not held:
        return []
    return [Passage(held[0][0], held[-1][0], heading, "\n".join(piece for _, piece in held))]


class _Page(HTMLParser):
    """Collects texts by line, but those of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[int, list[str]] = {}
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        if tag in ("h1", "h2", "h3") and not self._hidden:
            self._add(self.getpos()[0], "#")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            for number, words in enumerate(data.split("\n"), self.getpos()[0]):
                self._add(number, words.strip())

    def _add(self, line: int, words: str) -> None:
        if words:
            self.lines.setdefault(line, []).append(words)

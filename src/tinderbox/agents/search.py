"""What the tool `search` does: find the passages of documents that answer a question, and say where they stand.

Documents are looked at before each question, and only those that have changed are read anew. Words find what is said in
the same words, vectors what means the same; both lists are fused by rank (Cormack, Clarke and Büttcher, 2009).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tinderbox.agents.desk import Desk
from tinderbox.agents.files import LARGEST, walk
from tinderbox.agents.folder import Folder
from tinderbox.agents.index import Document, Found, Index, open_index
from tinderbox.agents.outside import Embed
from tinderbox.agents.passages import cut, text_of_page
from tinderbox.errors import BadRequest, TinderboxError
from tinderbox.units import Bytes, MiB

MOST_DOCUMENTS = 5000
MOST_TEXT: Bytes = 64 * MiB
SECONDS = 30.0  # of one question, for documents that are new
_LISTED = 40  # passages that each way of finding may propose
_EVEN = 60  # the constant of the fusion: how little the first place counts more than the second
_AT_ONCE = 16  # texts in one question for vectors
_PAGES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where one search tool keeps what it knows. `model` makes the vectors; without `embed` it finds by words alone."""

    file: Path
    model: str = ""
    embed: Embed | None = None


def search(desk: Desk, shelf: Shelf, question: str, passages: int = 5, seconds: float = SECONDS) -> str:
    """Each passage under its place: `notes/plan.md:12-20`."""
    if not question.strip():
        raise BadRequest("'question' is empty.", field="question")
    until = time.monotonic() + seconds
    with open_index(shelf.file, shelf.model) as index:
        notes = [note for note in (_refresh(index, desk.folders, until), _embed(index, shelf, until)) if note]
        numbers = _ask(index, shelf, question)[:passages]
        return _tell(question, index.found(numbers), notes)


def fuse(*rankings: Sequence[int]) -> list[int]:
    """One list of several, the best first: each place gives 1 / (60 + place)."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (_EVEN + place)
    return sorted(scores, key=lambda number: -scores[number])


def _ask(index: Index, shelf: Shelf, question: str) -> list[int]:
    words = index.by_words(question, _LISTED)
    if shelf.embed is None:
        return words
    try:
        (vector,) = shelf.embed(shelf.model, [question])
    except TinderboxError:  # without the model, words still find
        return words
    return fuse(words, index.by_meaning(vector, _LISTED))


def _refresh(index: Index, folders: Sequence[Folder], until: float) -> str:
    """Read what is new, forget what is gone; returns what could not be read in time."""
    known = index.documents()
    seen: set[str] = set()
    held = 0
    for folder, name in _documents(folders):
        path = f"{folder.name}/{name}"
        if len(seen) >= MOST_DOCUMENTS or held > MOST_TEXT:
            return f"Only the first {len(seen)} documents are searched."
        if time.monotonic() > until:
            return f"{len(seen)} documents are read so far; the next search reads on."
        with suppress(TinderboxError):  # a link, a pipe, or too large: no document
            held += _read(index, folder, name, path, known.get(path))
            seen.add(path)
    index.forget(known.keys() - seen)
    return ""


def _documents(folders: Sequence[Folder]) -> Iterator[tuple[Folder, str]]:
    for folder in folders:
        for name in walk(folder, ""):
            if not PurePosixPath(name).name.startswith("."):
                yield folder, name


def _read(index: Index, folder: Folder, name: str, path: str, known: Document | None) -> Bytes:
    """Bring one document up to date; returns its bytes."""
    with folder.open_file(name, LARGEST) as found:
        about = os.fstat(found)
        if known and (known.size, known.changed) == (about.st_size, about.st_mtime_ns):
            return known.size
        with os.fdopen(os.dup(found), "rb") as file:
            content = file.read(LARGEST + 1)
    document = Document(about.st_size, about.st_mtime_ns, hashlib.sha256(content).hexdigest())
    if known and known.digest == document.digest:
        index.touch(path, document)
    else:
        index.put(path, document, cut(_text(name, content)))
    return len(content)


def _text(name: str, content: bytes) -> str:
    """What can be read in it; nothing where it is no text."""
    if b"\0" in content or content.startswith(b"%PDF"):
        return ""
    text = content.decode(errors="replace")
    return text_of_page(text) if PurePosixPath(name).suffix.lower() in _PAGES else text


def _embed(index: Index, shelf: Shelf, until: float) -> str:
    """Vectors for the passages that have none yet, as many as there is time for."""
    if shelf.embed is None:
        return ""
    try:
        while time.monotonic() < until and (waiting := index.unembedded(_AT_ONCE)):
            vectors = shelf.embed(shelf.model, [text for _, text in waiting])
            index.embed({number: vector for (number, _), vector in zip(waiting, vectors, strict=True)})
    except TinderboxError as error:
        return f"Found by words alone: {error.what}"
    total, embedded = index.counts()
    return f"{total - embedded} of {total} passages were looked through by words alone." if embedded < total else ""


def _tell(question: str, found: Sequence[Found], notes: Sequence[str]) -> str:
    shown = [f"{passage.path}:{passage.first}-{passage.last}\n{passage.text}" for passage in found]
    if not shown:
        shown = [f"No document answers '{question}'. Try other words."]
    return "\n\n".join([*shown, *(f"[{note}]" for note in notes)])

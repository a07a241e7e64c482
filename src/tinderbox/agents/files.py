"""What the tool `files` does: list, read, search, write and edit, within the desk's folders."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from tinderbox.agents.desk import Desk
from tinderbox.agents.folder import Folder
from tinderbox.errors import BadRequest, NotAllowed, NotFound, TinderboxError, did_you_mean
from tinderbox.units import MiB, format_bytes

LARGEST = 4 * MiB  # of a file that is read or written as text
_MOST_LISTED = 300
_MOST_FOUND = 50
_MOST_SEARCHED = 5000  # files
_PATIENCE = 10.0  # seconds of a search
_LONGEST_LINE = 300
_TOLD_WHOLE = 2000  # characters of a file


def list_files(desk: Desk, path: str = "") -> str:
    """One a line, folders with a slash, files with their size."""
    if path.strip("/.") == "":
        places = [f"{f.name}/  ({'may be written' if f.write else 'to be read'})" for f in desk.folders]
        listed = "\n".join([*places, *_entries(desk.scratch, "", besides={f.name for f in desk.folders})])
        return listed or "There is nothing yet."
    folder, rest = desk.find(path)
    return "\n".join(_entries(folder, rest)) or f"{path} is empty."


def read_file(desk: Desk, path: str, first_line: int = 1, lines: int = 200) -> str:
    """The lines asked for, and how many there are."""
    text = _text(desk, path)
    all_lines = text.splitlines()
    shown = all_lines[first_line - 1 : first_line - 1 + lines]
    if first_line == 1 and len(shown) == len(all_lines):
        return text or f"{path} is empty."
    if not shown:
        raise BadRequest(f"{path} has {len(all_lines)} lines.", field="first_line")
    note = f"[Lines {first_line} to {first_line - 1 + len(shown)} of {len(all_lines)} of {path}.]"
    return "\n".join([*shown, note])


def write_file(desk: Desk, path: str, content: str) -> str:
    folder, rest = desk.find(path)
    folder.replace(rest, _encoded(content))
    return f"{path} is written ({format_bytes(len(content.encode()))})."


def edit_file(desk: Desk, path: str, old: str, new: str) -> str:
    """Replace the one place where `old` stands."""
    text = _text(desk, path)
    if not old:
        raise BadRequest("'old' is empty.", "Give the text to be replaced, as it stands in the file.", "old")
    count = text.count(old)
    if count == 0:
        near = did_you_mean(old.strip().splitlines()[0] if old.strip() else "", text.splitlines())
        raise BadRequest(f"'old' does not stand in {path}.", near or "Read the file, and copy it exactly.", "old")
    if count > 1:
        raise BadRequest(f"'old' stands {count} times in {path}.", "Give more of the lines around it.", "old")
    folder, rest = desk.find(path)
    folder.replace(rest, _encoded(text.replace(old, new)))
    return f"{path} is changed."


def search_files(desk: Desk, words: str, path: str = "") -> str:
    """The lines that hold the words, whatever their case: `path:line: text`. A short file that was looked into by its
    path, and does not hold them, is told whole: what is wanted may stand there in other words."""
    if not words.strip():
        raise BadRequest("'words' is empty.", field="words")
    places = [(f, "") for f in (*desk.folders, desk.scratch)] if path.strip("/.") == "" else [desk.find(path)]
    found: list[str] = []
    until = time.monotonic() + _PATIENCE
    looked = 0
    for folder, rest in places:
        for name in walk(folder, rest):
            looked += 1
            found += _matching(desk, folder, name, words.casefold())
            if len(found) > _MOST_FOUND or looked > _MOST_SEARCHED or time.monotonic() > until:
                note = f"[The search ended after {looked} files; there may be more.]"
                return "\n".join([*found[:_MOST_FOUND], note])
    return "\n".join(found) or _not_found(desk, words, path, looked)


def _not_found(desk: Desk, words: str, path: str, looked: int) -> str:
    folder, rest = desk.find(path)
    if looked != 1 or not rest or not _is_there(folder, rest):
        return f"'{words}' stands in none of {looked} files."
    text = _text(desk, path)
    whole = f" It says:\n{text}" if len(text) <= _TOLD_WHOLE else ""
    return f"'{words}' does not stand in {path}.{whole}"


def _entries(folder: Folder, path: str, besides: set[str] | None = None) -> list[str]:
    with folder.open_folder(path) as found, os.scandir(found) as entries:
        rows = []
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in (besides or ()):
                continue
            about = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(about.st_mode)
            kind = "" if is_folder or stat.S_ISREG(about.st_mode) else "  (no file)"
            rows.append(f"{entry.name}/" if is_folder else f"{entry.name}  {format_bytes(about.st_size)}{kind}")
    more = len(rows) - _MOST_LISTED
    return rows[:_MOST_LISTED] + ([f"[{more} more]"] if more > 0 else [])


def walk(folder: Folder, path: str) -> Iterator[str]:
    """The files below, by their path in the folder; a file by itself."""
    try:
        with folder.open_folder(path) as top:
            for place, below, names, _ in os.fwalk(".", dir_fd=top, follow_symlinks=False):
                below[:] = sorted(name for name in below if not name.startswith("."))
                for name in sorted(names):
                    yield os.path.normpath(os.path.join(path, place, name))  # noqa: PTH118  (a name, not a place)
    except NotAllowed:
        with folder.open_file(path):
            pass
        yield path


def _matching(desk: Desk, folder: Folder, path: str, words: str) -> list[str]:
    whole = path if folder == desk.scratch else f"{folder.name}/{path}"
    try:
        lines = text_of(folder, path, whole).splitlines()
    except TinderboxError:
        return []  # a link, no text, or too large
    return [
        f"{whole}:{number}: {line.strip()[:_LONGEST_LINE]}"
        for number, line in enumerate(lines, 1)
        if words in line.casefold()
    ]


def _text(desk: Desk, path: str) -> str:
    folder, rest = desk.find(path)
    try:
        return text_of(folder, rest, path)
    except NotFound as error:
        raise NotFound(f"'{path}' is not there.", _neighbours(desk, folder, rest)) from error


def text_of(folder: Folder, path: str, said: str) -> str:
    with folder.open_file(path, LARGEST) as found, os.fdopen(os.dup(found), "rb") as file:
        content = file.read(LARGEST + 1)
    if b"\0" in content:
        raise BadRequest(f"{said} is no text ({format_bytes(len(content))}).", "Look at it with Python.", "path")
    return content.decode(errors="replace")


def _neighbours(desk: Desk, folder: Folder, path: str) -> str:
    """What a model may have meant."""
    try:
        known = [
            name if folder == desk.scratch else f"{folder.name}/{name}"
            for name, _ in zip(walk(folder, ""), range(_MOST_LISTED), strict=False)
        ]
    except TinderboxError:
        known = []
    known += [f"{other.name}/{path}" for other in desk.folders if other != folder and _is_there(other, path)]
    return did_you_mean(path, known) or "List the files to see what is there."


def _is_there(folder: Folder, path: str) -> bool:
    try:
        with folder.open_file(path):
            return True
    except TinderboxError:
        return False


def _encoded(content: str) -> bytes:
    encoded = content.encode(errors="replace")
    if len(encoded) > LARGEST:
        raise BadRequest(f"The text has {format_bytes(len(encoded))}; {format_bytes(LARGEST)} at most can be written.")
    return encoded

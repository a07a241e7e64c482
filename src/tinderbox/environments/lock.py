"""`Lock`: every package of an environment with its version and checksums, as pip reads it (`requirements.txt`)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tinderbox.errors import TinderboxError

_HEAD = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,.-]*\])?==(?P<version>[^\s;]+)\s*(;\s*(?P<marker>.+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package; `marker` says on which machines (None: on all), `text` is the line for pip."""

    name: str
    version: str
    marker: str | None
    sha256s: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Lock:
    """`digest` changes with whatever the lock says."""

    requirements: tuple[Requirement, ...]
    digest: str


def read_lock(path: Path) -> Lock:
    """Raises TinderboxError for a line that names no version or no checksum: nothing is installed unseen."""
    text = path.read_text()
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    written = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return Lock(tuple(_read(line, path) for line in written), hashlib.sha256(text.encode()).hexdigest())


def canonical(name: str) -> str:
    """`Pydantic_AI.slim` as `pydantic-ai-slim`: how the index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(line: str, path: Path) -> Requirement:
    sha256s = frozenset(_HASH.findall(line))
    head = _HEAD.fullmatch(_HASH.sub("", line).strip())
    if head is None or not sha256s:
        raise TinderboxError(f"{path.name} holds what is no pinned package with its checksum: '{line[:80]}'.")
    marker = head["marker"].strip() if head["marker"] else None
    return Requirement(canonical(head["name"]), head["version"], marker, sha256s, line)

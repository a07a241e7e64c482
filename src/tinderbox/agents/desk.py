"""`Desk`: what one run of an agent has before it: its scratch folder, the folders it may use, what is left to
spend.

A path begins with the name of a folder (`notes/plan.md`); any other lies in the scratch folder. Code in the sandbox
finds the same files by the same paths.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinderbox.agents.enclosure import SCRATCH, WORK
from tinderbox.agents.folder import Folder
from tinderbox.agents.sandbox import Bounds, Result, Sandbox
from tinderbox.agents.settings import Limits
from tinderbox.errors import LimitReached, TinderboxError

RESULTS = "results"  # in the scratch folder: what was too long to be told
_TAIL = 0.3  # of what is told of a long result comes from its end, where errors stand


class Allowance:
    """Seconds that code may run, over all calls of a run."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._lock = threading.Lock()

    def take(self, seconds: float) -> float:
        """As many as there are, up to `seconds`. Raises LimitReached when there are none."""
        with self._lock:
            taken = min(seconds, self._left)
            if taken <= 0:
                raise LimitReached("The time in which code may run is used up.", "Answer with what you have.")
            self._left -= taken
            return taken

    @property
    def left(self) -> float:
        return self._left

    def give_back(self, seconds: float) -> None:
        with self._lock:
            self._left += seconds


@dataclass(frozen=True, slots=True)
class Desk:
    """`folders` are the agent's. `told` is how many characters of a result the model is told."""

    scratch: Folder
    folders: tuple[Folder, ...]
    bounds: Bounds
    allowance: Allowance = field(compare=False)
    told: int = 4000

    def within(self, names: Sequence[str] | None) -> Desk:
        """With some of the folders only."""
        if names is None:
            return self
        return replace(self, folders=tuple(folder for folder in self.folders if folder.name in names))

    def find(self, path: str) -> tuple[Folder, str]:
        """The folder that a path begins with, and the rest of it."""
        name, _, rest = path.removeprefix(f"{WORK}/").removeprefix("./").partition("/")
        for folder in (self.scratch, *self.folders):
            if folder.name == name:
                return folder, rest
        return self.scratch, path.removeprefix(f"{WORK}/")

    def run(self, words: Sequence[str], files: dict[str, bytes], stdin: bytes = b"") -> Result:
        """Code in the sandbox, for as long as is left. Raises LimitReached, Unavailable."""
        granted = self.allowance.take(self.bounds.seconds)
        spent = 0.0
        try:
            bounds = replace(self.bounds, seconds=granted)
            result = Sandbox(self.scratch.path, self.folders, bounds).run(words, files, stdin)
            spent = result.seconds
        finally:
            self.allowance.give_back(max(0.0, granted - spent))
        return result

    def cut(self, text: str) -> str:
        """The text, or its begin and end and where the whole is kept."""
        if len(text) <= self.told:
            return text
        tail = int(self.told * _TAIL)
        left_out = f"{len(text) - self.told} characters are left out here."
        return f"{text[: self.told - tail]}\n[{left_out} {self._keep(text)}]\n{text[-tail:]}"

    def _keep(self, text: str) -> str:
        content = text.encode(errors="replace")
        name = f"{RESULTS}/{hashlib.sha256(content).hexdigest()[:8]}.txt"
        try:
            self.scratch.replace(name, content)
        except (TinderboxError, OSError):  # code can have put something else in its place
            return f"They could not be kept in {RESULTS}/."
        return f"The whole is in {name}, {len(text.splitlines())} lines."


def make_desk(scratch: Path, folders: tuple[Folder, ...], limits: Limits, told: int = 4000) -> Desk:
    """The scratch folder is made where it is not there."""
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = Folder(SCRATCH, scratch.resolve(), write=True)
    return Desk(place, folders, Bounds(memory=limits.memory), Allowance(limits.sandbox_seconds), told)

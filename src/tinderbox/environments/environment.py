"""`Environment`: one that was made, where it lies, and how a process is started in it.

`environments/NAME/made.json` names the folder that is in force. It is written last and by a rename, so that there is a
whole environment or none, and a new one takes the place of the old in one step.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import tinderbox
from tinderbox.environments.capability import Capability, capability
from tinderbox.errors import NotAdded, TinderboxError
from tinderbox.models.content import sync_folder
from tinderbox.units import Bytes

FOLDER = "environments"
_RECORD = "made.json"
_PACKAGE = Path(tinderbox.__file__).parent
_SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@dataclass(frozen=True, slots=True)
class Made:
    """What is written down of an environment: the digest of its lock, its folder's name, and what it took."""

    lock: str
    folder: str
    python: str
    packages: int
    size: Bytes
    site: str


@dataclass(frozen=True, slots=True)
class Environment:
    """`stale` says that the lock has changed since it was made: it is not what this release was tried with."""

    capability: Capability
    folder: Path
    made: Made

    @property
    def python(self) -> Path:
        return python_of(self.folder)

    @property
    def stale(self) -> bool:
        return self.made.lock != self.capability.lock.digest

    def command(self, module: str, *words: str) -> tuple[str, ...]:
        """`python -m module words` in this environment: its own libraries, this installation's `tinderbox`, no others.

        What PYTHONPATH, the present folder or the user's own packages hold is left out (`-I`).
        """
        _link(self.folder / self.made.site / "tinderbox")
        return (str(self.python), "-I", "-m", module, *words)


def find(home: Path, name: str) -> Environment:
    """The environment of that capability. Raises NotAdded with the command that makes it."""
    wanted = capability(name)
    found = look_up(home, wanted)
    if found is None:
        raise NotAdded(f"This needs what '{name}' adds to the box, which is not here.", f"Run: tinderbox add {name}")
    return found


def look_up(home: Path, wanted: Capability) -> Environment | None:
    """None where none was made, or where the Python that it was made with is gone."""
    folder = folder_of(home, wanted)
    try:
        made = Made(**json.loads((folder / _RECORD).read_text()))
    except (OSError, ValueError, TypeError):  # absent, cut short, or of a release that wrote other things
        return None
    environment = Environment(wanted, folder / made.folder, made)
    return environment if environment.python.exists() else None


def folder_of(home: Path, wanted: Capability) -> Path:
    return home / FOLDER / wanted.name


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def site_of(folder: Path) -> str:
    """Where its packages lie, below the folder."""
    asked = subprocess.run([python_of(folder), "-I", "-c", _SITE], capture_output=True, text=True, check=True)
    return str(Path(asked.stdout.strip()).relative_to(folder))


def record(home: Path, wanted: Capability, made: Made) -> Environment:
    """Puts it in force, at once and for good."""
    folder = folder_of(home, wanted)
    unfinished = folder / f"{_RECORD}.part"
    with unfinished.open("w") as file:
        json.dump(asdict(made), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / _RECORD)
    sync_folder(folder)
    return Environment(wanted, folder / made.folder, made)


def strike(home: Path, wanted: Capability) -> None:
    """From now on there is none."""
    (folder_of(home, wanted) / _RECORD).unlink(missing_ok=True)


def _link(link: Path) -> None:
    """Makes `link` lead to this installation's package, however it was installed: to that alone, not to its folder's
    other packages, which are the box's and may be of other versions."""
    with suppress(OSError):
        if link.readlink() == _PACKAGE:
            return
    unfinished = link.with_name(f".tinderbox-{os.getpid()}")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(_PACKAGE)
        unfinished.replace(link)
    except OSError as error:
        raise TinderboxError(f"{link} cannot be made: {error.strerror}.", "Look at the folder's rights.") from error

"""Which Python an environment is made with: the box's own, or another version found on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tinderbox.errors import NotFound

_PATIENCE = 20  # seconds for an interpreter to say its version
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def interpreter(version: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """A Python of that version (None: the one that runs the box) that really starts. Raises NotFound."""
    if version is None or version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    for path in _candidates(version, environment):
        if _says(path) == version:
            return path
    raise NotFound(
        f"It needs Python {version}, and none was found on the PATH nor among pyenv's and uv's.",
        f"Install one: apt-get install python{version} python{version}-venv, pyenv install {version}, "
        f"brew install python@{version}, or uv python install {version}.",
    )


def _candidates(version: str, environment: Mapping[str, str]) -> Iterator[Path]:
    name = f"python{version}"
    path = environment.get("PATH", os.defpath).split(os.pathsep)
    yield from (Path(found) for folder in path if (found := shutil.which(name, path=folder)))
    home = Path(environment.get("HOME") or Path.home())
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(environment.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True)
    yield from sorted(uv.glob(f"cpython-{version}.*/bin/{name}"), reverse=True)


def _says(path: Path) -> str | None:
    """Its version; None where it does not start, as a shim of pyenv's for a version that is not chosen."""
    try:
        asked = subprocess.run(
            [path, "-I", "-c", _VERSION], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()

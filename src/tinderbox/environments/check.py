"""Whether an environment works: its main modules are imported in a process of their own, its versions compared."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tinderbox.environments.environment import Environment
from tinderbox.environments.lock import Lock, canonical

_PATIENCE = 180  # seconds: the first import of a large library reads it from the disk
_IMPORT = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"
_VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps([[one.name, one.version] for one in distributions()]))
"""


def check_imports(python: Path, modules: tuple[str, ...]) -> str:
    """What hinders the import of these; nothing where all is well."""
    try:
        tried = subprocess.run(
            [python, "-I", "-c", _IMPORT, *modules], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{python} does not answer: {error}"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.strip().splitlines()
    return said[-1] if said else f"its process ended with status {tried.returncode}"


def check(environment: Environment) -> str:
    """What is wrong with it; nothing where it works, and, unless it is stale, is what the lock says."""
    problem = check_imports(environment.python, environment.capability.imports)
    return problem if problem or environment.stale else _changed(environment)


def _changed(environment: Environment) -> str:
    try:
        asked = subprocess.run(
            [environment.python, "-I", "-c", _VERSIONS], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except subprocess.SubprocessError as error:
        return str(error)
    installed = {canonical(name): version for name, version in json.loads(asked.stdout)}
    return other_versions(environment.capability.lock, installed)


def other_versions(lock: Lock, installed: Mapping[str, str]) -> str:
    """The first package that has another version than the lock's, or is gone; one with a marker may rightly be."""
    locked: dict[str, set[str]] = {}
    for requirement in lock.requirements:
        locked.setdefault(requirement.name, set()).add(requirement.version)
        if requirement.marker is None and requirement.name not in installed:
            return f"{requirement.name} {requirement.version} is missing"
    wrong = [name for name, versions in locked.items() if name in installed and installed[name] not in versions]
    return f"{wrong[0]} is {installed[wrong[0]]}, not {' or '.join(sorted(locked[wrong[0]]))}" if wrong else ""

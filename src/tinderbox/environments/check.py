"""Whether an environment works: its main modules are imported in a process of their own, its versions compared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tinderbox.environments.environment import Environment
from tinderbox.environments.lock import canonical

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
    return problem if problem or environment.stale else _other_versions(environment)


def _other_versions(environment: Environment) -> str:
    """The first package that has another version than the lock's, or is gone; one with a marker may rightly be."""
    try:
        asked = subprocess.run(
            [environment.python, "-I", "-c", _VERSIONS], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except subprocess.SubprocessError as error:
        return str(error)
    installed = {canonical(name): version for name, version in json.loads(asked.stdout)}
    for requirement in environment.capability.lock.requirements:
        found = installed.get(requirement.name)
        if found is None and requirement.marker is None:
            return f"{requirement.name} {requirement.version} is missing"
        if found not in (None, requirement.version):
            return f"{requirement.name} is {found}, not {requirement.version}"
    return ""

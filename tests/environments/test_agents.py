"""What `tinderbox add agents` makes of the lock that ships."""

import subprocess

import pytest

from tinderbox.environments import Environment
from tinderbox.environments.check import check

pytestmark = pytest.mark.slow


def test_it_holds_what_the_lock_says_and_all_of_it_imports(agents_environment: Environment) -> None:
    assert (check(agents_environment), agents_environment.stale) == ("", False)


def test_what_agents_are_made_of_runs_there(agents_environment: Environment) -> None:
    started = subprocess.run(agents_environment.command("tinderbox.agents.tools"), capture_output=True, check=False)

    assert (started.returncode, started.stderr) == (0, b"")

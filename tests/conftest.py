"""What many tests need: the starter model, downloaded once and kept beside the repository's own caches; examples that
are the same in each run; and failures that tell what they know."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tinderbox.environments import Environment, find
from tinderbox.models.download import pull
from tinderbox.models.store import Store

CACHE = Path(__file__).parents[1] / ".cache" / "tinderbox-tests"
LAST_WORDS = 4000  # bytes of a log

# Neither chance nor a busy machine fails a test; `--hypothesis-profile default` looks for examples that are new.
hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sealed", action="store_true", help="skip the journeys where they cannot be without a way out")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure comes with the last words of its boxes, and in CI at once: a run that is cut off has no end."""
    report = yield
    if report.failed:
        report.sections += [(f"the end of {log}", _last_words(log)) for log in _logs(item)]
        if os.environ.get("CI"):
            item.config.get_terminal_writer().line(f"\n{report.nodeid}\n{report.longreprtext}")
    return report


def _logs(item: pytest.Function) -> Iterator[Path]:
    for value in item.funcargs.values():
        home = getattr(value, "home", value)
        if isinstance(home, Path):
            yield from sorted(home.rglob("logs/*.log"))


def _last_words(log: Path) -> str:
    return log.read_bytes()[-LAST_WORDS:].decode(errors="replace")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The GGUF file of smollm2:135m (98 MB), pulled as a person would."""
    return pull(Store(CACHE), "smollm2:135m").path


@pytest.fixture(scope="session")
def agents_environment() -> Environment:
    """What agents need, added as a person would; kept, and made anew when its lock changes."""
    home = os.environ | {"TINDERBOX_HOME": str(CACHE)}
    subprocess.run([sys.executable, "-m", "tinderbox", "add", "agents"], env=home, timeout=900, check=True)
    return find(CACHE, "agents")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

"""What many tests need: the starter model, downloaded once and kept beside the repository's own caches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinderbox.models.download import pull
from tinderbox.models.store import Store

CACHE = Path(__file__).parents[1] / ".cache" / "tinderbox-tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sealed", action="store_true", help="run the journeys where there is loopback and no route")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The GGUF file of smollm2:135m (98 MB), pulled as a person would."""
    return pull(Store(CACHE), "smollm2:135m").path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

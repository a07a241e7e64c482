"""One real box for all journeys that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, furnish, running
from tests.journeys.sealed import without_a_route


@pytest.fixture(scope="session", autouse=True)
def seal(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--sealed`, no journey has a way out; only the starter is fetched before."""
    if not request.config.getoption("--sealed"):
        yield
        return
    request.getfixturevalue("starter")
    with without_a_route():
        yield


@pytest.fixture(scope="session")
def box(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(furnish(tmp_path_factory.mktemp("home"), starter)) as box:
        yield box

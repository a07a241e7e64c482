"""One real box for all journeys that leave it as they found it; and no way out for any of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.running import Running, furnish, running
from tests.journeys.sealed import without_a_route


@pytest.fixture(scope="package", autouse=True)
def seal(request: pytest.FixtureRequest, starter: Path) -> Iterator[None]:
    """No journey has a way out; what they need of the world is fetched before. Where the system grants no network of
    one's own they pass with the way open, unless `--sealed` asks for more."""
    with ExitStack() as until_the_end:
        try:
            until_the_end.enter_context(without_a_route())
        except pytest.skip.Exception:
            if request.config.getoption("--sealed"):
                raise
        yield


@pytest.fixture(scope="package")
def box(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(furnish(tmp_path_factory.mktemp("home"), starter)) as box:
        yield box

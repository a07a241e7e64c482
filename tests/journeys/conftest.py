"""One real box for all journeys that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, furnish, running


@pytest.fixture(scope="session")
def box(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(furnish(tmp_path_factory.mktemp("home"), starter)) as box:
        yield box

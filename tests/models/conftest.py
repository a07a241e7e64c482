from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.web import Web, serving
from tinderbox.models.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web

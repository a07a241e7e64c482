from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.wheelhouse import Index, serving


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index of the wheels in `tmp_path/wheels`, the only place that pip looks at."""
    with serving(tmp_path / "wheels") as index:
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield index

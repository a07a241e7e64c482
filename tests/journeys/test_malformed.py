"""Malformed requests at a real box, whose model sees what its API lets through."""

import asyncio
from pathlib import Path

import pytest

from tests.journeys.running import STARTER, descendants, furnish, running
from tests.serve.flood import flood

pytestmark = pytest.mark.slow


def test_a_flood_of_malformed_requests_ends_neither_the_box_nor_its_model(starter: Path, tmp_path: Path) -> None:
    with running(furnish(tmp_path, starter)) as box:
        box.command("load", STARTER)
        before = descendants(box.pid)

        seen = asyncio.run(flood(int(box.address.rpartition(":")[2]), count=300, seed=5, model=STARTER))

        assert seen.faults == []
        assert descendants(box.pid) == before
        assert box.command("run", STARTER, "hello", "--max-tokens", "2").returncode == 0

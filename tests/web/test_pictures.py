"""Pictures of the page for a person to look at, in `screenshots/` (not kept in the repository)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web.conftest import Visit

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parents[2] / "screenshots"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 360)])
def test_a_picture_of_a_chat(open_page: Callable[..., Visit], scheme: str, width: int) -> None:
    visit = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    visit.ask_and_wait("code")
    visit.ask_and_wait("break")

    picture = visit.page.screenshot(path=PICTURES / f"chat-{scheme}-{width}.png", animations="disabled")

    assert len(picture) > 10_000

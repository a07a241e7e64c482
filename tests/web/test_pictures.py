"""Pictures of the page for a person to look at, in `screenshots/` (not kept in the repository)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL, OTHER, scripted_wish
from tests.web.scripted_plan import SPARK

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parents[2] / "screenshots"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 360)])
def test_a_picture_of_a_chat(open_page: Callable[..., Visit], scheme: str, width: int) -> None:
    visit = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    visit.ask_and_wait("code")
    visit.ask_and_wait("break")

    picture = visit.page.screenshot(path=PICTURES / f"chat-{scheme}-{width}.png", animations="disabled")

    assert len(picture) > 10_000


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 360)])
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("fits", f"model=gpt-oss-120b&box={SPARK}&context=32768"),
        ("too-large", "model=Llama-3.3-70B-Instruct&box=rtx-5090"),
    ],
)
def test_a_picture_of_a_plan(open_page: Callable[..., Visit], name: str, asked: str, scheme: str, width: int) -> None:
    visit = open_page(color_scheme=scheme, viewport={"width": width, "height": 1900 if width == 360 else 1250})
    visit.page.evaluate("hash => { location.hash = hash }", f"plan?{asked}")
    visit.page.wait_for_selector("svg.depths circle")

    picture = visit.page.screenshot(path=PICTURES / f"plan-{name}-{scheme}-{width}.png", animations="disabled")

    assert len(picture) > 10_000


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 380), ("dark", 380)])
@pytest.mark.parametrize("view", ["memory", "jobs", "jobs/2"])
def test_a_picture_of_the_box(
    open_page: Callable[..., Visit], box: ScriptedBox, view: str, scheme: str, width: int
) -> None:
    box.ready |= {OTHER: "loading", "run 2": "ready"}
    box.pinned, box.level = {MODEL}, "shed"
    box.waiting = [scripted_wish("llama3.2:3b", 2_600_000_000)]
    visit = open_page(color_scheme=scheme, viewport={"width": width, "height": 1900 if width == 380 else 1400})
    visit.page.evaluate("hash => { location.hash = hash }", view)
    visit.page.wait_for_selector(".hour path:visible, .jobs li:visible, #one-job pre:not(:empty)")

    name = f"{view.replace('/', '-')}-{scheme}-{width}.png"
    picture = visit.page.screenshot(path=PICTURES / name, animations="disabled")

    assert len(picture) > 10_000

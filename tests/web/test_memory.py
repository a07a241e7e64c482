"""The models, the memory and the line to the box, as the page shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL, OTHER

pytestmark = pytest.mark.slow


def test_one_bar_shows_the_share_of_each_model_of_others_and_what_is_free(visit: Visit) -> None:
    bar = visit.page.get_by_role("img", name="smollm2:135m 276.0 MB")

    expect(bar).to_have_attribute("aria-label", "16.0 GB: smollm2:135m 276.0 MB, everything else 5.2 GB, "
                                  "reserve 540.0 MB, free 10.0 GB")  # fmt: skip
    share = bar.locator(".others").evaluate("part => part.offsetWidth / part.parentNode.offsetWidth")
    assert share == pytest.approx(5.2 / 16, abs=0.02)


def test_a_model_can_be_loaded_and_stopped_by_hand(visit: Visit, box: ScriptedBox) -> None:
    visit.page.get_by_role("button", name="Model: ").click()

    visit.page.get_by_role("button", name=f"Load {OTHER}").click()
    visit.page.get_by_role("button", name=f"Stop {MODEL}").click()

    expect(visit.page.locator("#glance li.model")).to_have_count(1)
    expect(visit.page.locator("#glance")).to_contain_text(OTHER)
    assert box.orders == [("load", OTHER), ("stop", MODEL)]


def test_the_chosen_model_answers_and_is_still_chosen_after_a_reload(visit: Visit, box: ScriptedBox) -> None:
    visit.page.get_by_role("button", name="Model: ").click()
    visit.page.get_by_role("radio", name=OTHER).check()
    visit.page.keyboard.press("Escape")

    visit.ask_and_wait("hello")
    visit.page.reload()

    assert box.requests[-1]["model"] == OTHER
    expect(visit.page.get_by_role("button", name=f"Model: {OTHER}, stored")).to_be_visible()


def test_a_model_that_has_to_be_loaded_first_says_so(open_page: Callable[..., Visit], box: ScriptedBox) -> None:
    box.ready = {}
    visit = open_page()

    visit.page.route("**/v1/chat/completions", lambda route: None)  # the box takes its time
    answer = visit.ask("hello")

    expect(answer).to_contain_text(f"Loading {MODEL}…")


def test_a_box_that_goes_away_is_said_and_one_that_comes_back_is_found(
    open_page: Callable[..., Visit], box: ScriptedBox
) -> None:
    visit = open_page()
    banner = visit.page.locator("#banner")

    box.stop()
    expect(banner).to_contain_text("Trying again…")
    box.start()

    expect(banner).to_be_empty()
    expect(visit.ask_and_wait("hello")).to_contain_text("You said: hello")


def test_a_box_that_goes_away_in_mid_answer_leaves_the_text(open_page: Callable[..., Visit], box: ScriptedBox) -> None:
    visit = open_page()
    answer = visit.ask("hold")
    expect(answer).to_contain_text("The first half")

    box.stop()

    expect(answer.get_by_role("alert")).to_contain_text("broke off before the answer was complete")
    expect(answer.locator(".prose")).to_have_text("The first half")
    box.start()

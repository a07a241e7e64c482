"""The view of the memory: who holds it, what can be done, how the last hour was, and why."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL, OTHER, scripted_wish

pytestmark = pytest.mark.slow


@pytest.fixture
def memory(visit: Visit) -> Visit:
    visit.page.get_by_role("link", name="Memory").first.click()
    visit.page.wait_for_selector("#holders li")
    return visit


def holder(visit: Visit, name: str) -> Locator:
    return visit.page.locator("#holders li").filter(has_text=name)


def test_the_bar_parts_what_is_free_into_page_cache_and_unused(memory: Visit) -> None:
    bar = memory.page.locator("#pools .bar")

    expect(bar).to_have_attribute("aria-label", "16.0 GB: smollm2:135m 276.0 MB, everything else 5.2 GB, "
                                  "reserve 540.0 MB, free, now page cache 3.0 GB, free, unused 7.0 GB")  # fmt: skip
    expect(memory.page.locator("#pools")).to_contain_text("10.0 GB of 16.0 GB is free")


def test_each_holder_says_what_it_was_granted_what_it_holds_and_what_it_does(memory: Visit) -> None:
    row = holder(memory, MODEL)

    expect(row).to_contain_text("idle for 4 min")
    expect(row).to_contain_text("276.0 MB measured · 256.0 MB predicted · context 4,096 · since")


def test_a_model_is_pinned_and_let_go_by_keyboard_without_losing_the_place(memory: Visit, box: ScriptedBox) -> None:
    memory.page.get_by_role("button", name=f"Pin {MODEL}").focus()

    memory.page.keyboard.press("Enter")
    expect(holder(memory, MODEL)).to_contain_text("idle for 4 min, pinned")
    expect(memory.page.get_by_role("button", name=f"Unpin {MODEL}")).to_be_focused()
    memory.page.keyboard.press("Enter")

    expect(holder(memory, MODEL)).not_to_contain_text("pinned")
    assert box.orders == [("pin", MODEL), ("pin", MODEL)]


def test_a_stored_model_is_loaded_and_another_stopped(memory: Visit) -> None:
    memory.page.get_by_label("Load a model").select_option(OTHER)
    memory.page.locator("#load-form").get_by_role("button", name="Load").click()
    expect(holder(memory, OTHER)).to_be_visible()

    memory.page.get_by_role("button", name=f"Stop {MODEL}").click()

    expect(holder(memory, MODEL)).to_have_count(0)
    expect(memory.page.get_by_label("Load a model")).to_have_value(MODEL)


def test_what_the_box_refuses_is_said_at_the_model(open_page: Callable[..., Visit], box: ScriptedBox) -> None:
    box.pinned = {MODEL}
    visit = open_page()
    visit.page.get_by_role("link", name="Memory").first.click()

    visit.page.get_by_role("button", name=f"Stop {MODEL}").click()

    said = holder(visit, MODEL).get_by_role("alert")
    expect(said).to_have_text(f"{MODEL} is still answering. Try again in a moment.")


def test_who_waits_is_said_with_how_much_and_until_when(memory: Visit, box: ScriptedBox) -> None:
    expect(memory.page.locator("#waiting")).not_to_be_visible()

    box.waiting = [scripted_wish("llama3.2:3b", 2_600_000_000)]
    box.tell()

    expect(memory.page.locator("#waiting li")).to_contain_text("llama3.2:3b waits for 2.6 GB since ")
    expect(memory.page.locator("#waiting li")).to_contain_text(", at most until ")


def test_pressure_is_told_in_words_while_there_is_any(memory: Visit, box: ScriptedBox) -> None:
    pressure = memory.page.locator("#pressure")
    expect(pressure).to_be_empty()

    box.level = "shed"
    box.tell()

    expect(pressure).to_contain_text("jobs give theirs back, and nothing new starts.")
    expect(pressure).to_contain_text("Tasks waited for memory in 23 % of the last 10 s.")


def test_the_last_hour_is_drawn_and_told_in_words_and_figures(memory: Visit) -> None:
    picture = memory.page.locator("svg.hour")

    expect(picture).to_have_attribute("aria-label", re.compile("held 276.0 MB to 1.2 GB since .*9.1 GB was free"))
    memory.page.get_by_text("The figures").click()
    expect(memory.page.locator("#hour tbody tr").last).to_contain_text("276.0 MB5.2 GB10.0 GB")


def test_the_reasons_are_told_the_newest_first(memory: Visit) -> None:
    reasons = memory.page.locator("#reasons li")

    expect(reasons).to_have_count(3)
    expect(reasons.first).to_contain_text(f"{MODEL} was granted 276.0 MB: after 1.2 s")
    expect(reasons.nth(1)).to_contain_text(f"{OTHER} left: to make room for {MODEL} (276.0 MB); idle for 42 min 0 s")


def test_the_reasons_are_told_where_nothing_is_in_memory_any_more(
    open_page: Callable[..., Visit], box: ScriptedBox
) -> None:
    box.ready = {}
    visit = open_page()

    visit.page.get_by_role("link", name="Memory").first.click()

    expect(visit.page.locator("#reasons li")).to_have_count(3)


def test_figures_of_a_box_that_is_gone_are_dimmed(open_page: Callable[..., Visit], box: ScriptedBox) -> None:
    visit = open_page()
    visit.page.get_by_role("link", name="Memory").first.click()
    expect(holder(visit, MODEL)).to_be_visible()

    box.stop()

    expect(visit.page.locator("#now")).to_have_class("card stale")
    box.start()


def test_one_press_asks_for_the_reasons_about_one_holder(memory: Visit) -> None:
    memory.page.get_by_role("button", name=f"Why: {MODEL}").click()

    expect(memory.page.locator("#reasons li")).to_have_count(1)
    expect(memory.page.get_by_label("What was decided about")).to_be_focused()
    expect(memory.page.get_by_label("What was decided about")).to_have_value(MODEL)


def test_a_job_that_holds_memory_leads_to_its_page(memory: Visit, box: ScriptedBox) -> None:
    box.ready |= {"run 2": "ready"}
    box.tell()

    holder(memory, "run 2").get_by_role("link").click()

    expect(memory.page.get_by_role("heading", name="Job 2")).to_be_visible()


@pytest.mark.parametrize("view", ["memory", "jobs", "jobs/2"])
def test_nothing_is_wider_than_a_narrow_screen(open_page: Callable[..., Visit], box: ScriptedBox, view: str) -> None:
    box.ready |= {OTHER: "loading", "run 2": "ready"}
    visit = open_page(viewport={"width": 360, "height": 740})

    visit.page.evaluate("view => { location.hash = view }", view)
    visit.page.wait_for_selector("#holders li:visible, .jobs li:visible, .about:visible")

    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    wider = "view => view.offsetParent && view.scrollWidth > view.clientWidth"
    assert not visit.page.locator(".view:visible").evaluate(wider)

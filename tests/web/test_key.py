"""The key: asked for once, and then held by the browser where no script can read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL

pytestmark = pytest.mark.slow

READABLE = "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location.href"


@pytest.fixture
def page(open_page: Callable[..., Visit], box: ScriptedBox) -> Page:
    """A window on a box that has come to want a key."""
    page = open_page().page
    box.key = "secret"
    page.reload()
    expect(page.get_by_role("dialog")).to_contain_text("The box asks for a key")
    return page


def give(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="Key").fill(key)
    page.keyboard.press("Enter")


def test_a_box_that_wants_a_key_is_given_one_and_the_page_goes_on(page: Page) -> None:
    give(page, "secret")

    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(page.locator("#glance")).to_contain_text(MODEL)
    assert "secret" not in page.evaluate(READABLE)


def test_it_is_asked_for_once(page: Page) -> None:
    give(page, "secret")
    expect(page.locator("#glance")).to_contain_text(MODEL)

    page.reload()

    expect(page.locator("#glance")).to_contain_text(MODEL)
    expect(page.get_by_role("dialog")).not_to_be_visible()


def test_a_wrong_key_is_said_where_it_was_typed(page: Page) -> None:
    give(page, "guess")

    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("That is no key of this box.")
    expect(page.get_by_role("textbox", name="Key")).to_be_focused()


def test_who_has_none_can_read_the_chats_and_come_back_to_it(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator("#banner")).to_contain_text("The box asks for a key.")

    page.get_by_role("button", name="Enter it").click()
    give(page, "secret")

    expect(page.locator("#banner")).to_be_empty()
    expect(page.locator("#glance")).to_contain_text(MODEL)


@pytest.mark.parametrize("comes", ["location.href = '/#key=secret'", "open('/#key=secret', '_self')"])
def test_an_address_that_brings_a_key_lets_the_browser_in_and_forgets_it(page: Page, comes: str) -> None:
    page.evaluate(comes)

    expect(page.locator("#glance")).to_contain_text(MODEL)
    expect(page.get_by_role("dialog")).not_to_be_visible()
    assert "secret" not in page.evaluate(READABLE)


def test_an_address_whose_key_has_been_used_asks_for_another(page: Page) -> None:
    page.evaluate("location.href = '/#key=used'")

    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("That is no key of this box.")


def test_a_key_that_an_older_page_has_kept_is_used_and_forgotten(page: Page) -> None:
    page.evaluate("""localStorage.setItem("tinderbox.key", '"secret"')""")

    page.reload()

    expect(page.locator("#glance")).to_contain_text(MODEL)
    assert page.evaluate("""localStorage.getItem("tinderbox.key")""") is None


def test_the_settings_say_whose_key_it_is_and_let_one_leave(page: Page) -> None:
    give(page, "secret")
    expect(page.get_by_role("dialog")).not_to_be_visible()

    page.get_by_role("button", name="Settings").click()
    expect(page.locator("#key-holder")).to_contain_text("This browser uses the key laptop (chat, models).")
    page.get_by_role("button", name="Leave").click()

    expect(page.get_by_role("dialog")).to_contain_text("The box asks for a key")

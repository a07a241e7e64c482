"""The page in a real browser against a real box with real weights."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys.running import PATIENCE, STARTER, Running, furnish, running
from tinderbox.client import find_box

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        expect.set_options(timeout=1000 * PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def own_box(starter: Path, tmp_path: Path) -> Iterator[Running]:
    """A box that the test may furnish and lock."""
    with running(furnish(tmp_path, starter)) as box:
        yield box


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of its own, with nothing kept from before."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    yield page
    context.close()


def test_a_person_chats_on_the_page_and_sees_who_holds_the_memory(box: Running, browser: Browser) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(box.address)

    page.get_by_role("textbox", name="Message").fill("What is the capital of France? Answer in one word.")
    page.keyboard.press("Enter")

    expect(page.get_by_text("tokens/s").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(STARTER).first).to_be_visible()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "real-box.png")
    assert complaints == []


def test_a_person_pins_a_model_makes_a_smaller_one_and_sees_why_each_has_its_memory(
    own_box: Running, page: Page
) -> None:
    page.goto(f"{own_box.address}/#memory")
    page.locator("#load-form").get_by_role("button", name="Load").click()
    page.get_by_role("button", name=f"Pin {STARTER}").click()
    expect(page.locator("#holders")).to_contain_text("pinned")

    page.get_by_role("link", name="Jobs").click()
    page.get_by_label("Type", exact=True).select_option("Q4_0")
    page.get_by_role("button", name="Quantise").click()
    expect(page.locator("#quantise").get_by_role("alert")).to_have_text(
        "Say that it is meant, or choose a model of 16 bits."
    )
    page.get_by_label(f"{STARTER} is Q4_1 already").check()
    page.get_by_role("button", name="Quantise").click()
    expect(page.locator(".about")).to_contain_text(f"{STARTER}-q4_0, ")

    page.get_by_role("link", name="Memory", exact=True).first.click()
    expect(page.locator("#reasons")).to_contain_text("run 1 was granted")
    expect(page.locator("#reasons")).to_contain_text(f"{STARTER} was granted")
    expect(page.get_by_label("Load a model")).to_have_value(f"{STARTER}-q4_0")
    expect(page.locator("svg.hour")).to_have_attribute("aria-label", re.compile("Models and jobs held .* was free"))
    page.screenshot(path=SCREENSHOTS / "real-memory.png")


def test_a_key_typed_in_once_opens_the_page_and_is_kept_nowhere(own_box: Running, page: Page) -> None:
    made = own_box.command("key", "create", "laptop", "--scope", "chat,models").stdout.strip()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(own_box.address)

    page.get_by_role("textbox", name="Key").fill(made)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    page.get_by_role("textbox", name="Message").fill("Say hello.")
    page.keyboard.press("Enter")

    expect(page.get_by_text("tokens/s").first).to_be_visible(timeout=60_000)
    expect(page.locator("#glance")).to_contain_text(STARTER)  # by the events
    assert made not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
    assert not [address for address in asked if made in address]


def test_what_a_key_does_not_open_is_said_where_it_was_asked_for(own_box: Running, page: Page) -> None:
    made = own_box.command("key", "create", "phone", "--scope", "chat").stdout.strip()
    page.goto(f"{own_box.address}/#memory")
    page.get_by_role("textbox", name="Key").fill(made)
    page.keyboard.press("Enter")

    page.locator("#load-form").get_by_role("button", name="Load").click()
    expect(page.locator("#load-form").get_by_role("alert")).to_contain_text("needs a key with the scope models")
    page.get_by_role("link", name="Jobs").click()

    expect(page.locator("#jobs-problem")).to_contain_text("needs a key with the scope jobs")


def test_the_address_that_the_box_prints_lets_a_browser_in_once(own_box: Running, page: Page) -> None:
    own_box.command("key", "create", "laptop")
    with find_box(own_box.home) as box:
        address = box.page_address()

    page.goto(address)

    expect(page.locator("#glance")).to_contain_text("everything else")
    assert page.url == f"{own_box.address}/"
    page.reload()
    expect(page.locator("#glance")).to_contain_text("everything else")

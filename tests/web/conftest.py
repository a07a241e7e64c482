"""A real browser before a scripted box. What the page complains of, and whom it asks, is kept for the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from tests.web.scripted_box import ScriptedBox

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # milliseconds, for what takes some tens on a quiet machine
DESKTOP: ViewportSize = {"width": 1200, "height": 800}


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser window on the page, as a person has it, and what it let slip."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page, complaints = self.page, self.complaints
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.context.on("request", lambda request: self.addresses.append(request.url))

    def ask(self, words: str) -> Locator:
        """Types and sends; gives back the answer's element, which may still grow."""
        self.page.get_by_role("textbox", name="Message").fill(words)
        self.page.keyboard.press("Enter")
        return self.page.locator(".answer").last

    def ask_and_wait(self, words: str) -> Locator:
        answer = self.ask(words)
        self.page.wait_for_selector(".answer:last-child[aria-busy=false]")
        return answer


# For this package and not for the session: while Playwright's loop runs, no asynchronous test elsewhere could.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def box() -> Iterator[ScriptedBox]:
    box = ScriptedBox()
    box.start()
    yield box
    box.stop()


@pytest.fixture
def open_page(browser: Browser, box: ScriptedBox) -> Iterator[Callable[..., Visit]]:
    """Opens the page in a window of its own, with nothing kept from before; takes Playwright's options of a window."""
    contexts = []

    def open_page(**options: object) -> Visit:
        context = browser.new_context(**({"viewport": DESKTOP} | options))  # type: ignore[arg-type]  # options as they come
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.watch()
        visit.page.set_default_timeout(PATIENCE)
        visit.page.goto(box.url)
        visit.page.wait_for_selector("#model[data-state=ready], #model[data-state=stored]")
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def visit(open_page: Callable[..., Visit]) -> Iterator[Visit]:
    """A window that must not complain of anything: no error, no warning, no breach of the policy."""
    visit = open_page()
    yield visit
    assert visit.complaints == []

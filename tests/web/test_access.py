"""The page without a mouse, in the dark, on a narrow screen, and with much in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL, OTHER

pytestmark = pytest.mark.slow

BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
LONG_CHAT = """() => {
    const messages = Array.from({length: 400}, (_, i) => i % 2
        ? {role: "assistant", model: "smollm2:135m", reasoning: "", state: "done",
           content: `Answer ${i}\\n\\n- **a**\\n- b\\n\\n` + "```js\\nlet a = 1;\\n```"}
        : {role: "user", content: `Question ${i}`});
    const chat = {id: "long", title: "", updated: 1, messages};
    localStorage.setItem("tinderbox.conversation.long", JSON.stringify(chat));
}"""


def test_a_whole_chat_needs_only_the_keyboard(visit: Visit, box: ScriptedBox) -> None:
    keyboard = visit.page.keyboard
    keyboard.type("first line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    keyboard.press("Enter")
    expect(visit.page.locator(".answer")).to_contain_text("second line")

    keyboard.type("forever")
    keyboard.press("Enter")
    expect(visit.page.locator(".answer").last).to_contain_text("It goes on")
    keyboard.press("Escape")

    expect(visit.page.locator(".answer").last).to_contain_text("Stopped.")
    assert box.requests[0]["messages"][0]["content"] == "first line\nsecond line"


def test_arrow_up_takes_the_last_question_back_for_a_change(visit: Visit) -> None:
    visit.ask_and_wait("hello")

    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("End")
    visit.page.keyboard.type(" again")
    visit.page.keyboard.press("Enter")

    expect(visit.page.locator(".answer")).to_contain_text("You said: hello again")


def test_the_model_can_be_chosen_by_keyboard(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Model: ").focus()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")

    expect(visit.page.get_by_role("button", name=f"Model: {OTHER}")).to_be_focused()
    expect(visit.page.locator("#models")).not_to_be_visible()


def test_the_focus_can_be_seen(visit: Visit) -> None:
    visit.page.keyboard.press("Shift+Tab")

    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")

    assert outline == "solid"


def test_a_screen_reader_is_told_when_an_answer_begins_and_ends(visit: Visit, box: ScriptedBox) -> None:
    live = visit.page.locator("#live")
    visit.ask("hold")
    expect(live).to_have_text(f"{MODEL} is answering.")

    box.open_gate()

    expect(live).to_have_text("The answer is complete: The first half and the second half.")


def test_the_page_is_dark_where_the_system_is(open_page: Callable[..., Visit]) -> None:
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")

    assert light.page.evaluate(BACKGROUND) == "rgb(251, 250, 248)"
    assert dark.page.evaluate(BACKGROUND) == "rgb(25, 24, 23)"


def test_a_chosen_theme_holds_against_the_system_and_after_a_reload(open_page: Callable[..., Visit]) -> None:
    visit = open_page(color_scheme="dark")

    visit.page.get_by_role("button", name="Theme").click()
    visit.page.reload()

    expect(visit.page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert visit.page.evaluate(BACKGROUND) == "rgb(251, 250, 248)"


def test_nothing_is_wider_than_a_narrow_screen(open_page: Callable[..., Visit]) -> None:
    visit = open_page(viewport={"width": 360, "height": 740})
    visit.ask_and_wait("code")

    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    assert visit.page.evaluate("document.getElementById('messages').scrollWidth") <= 360


def test_the_side_is_a_drawer_on_a_narrow_screen(open_page: Callable[..., Visit]) -> None:
    visit = open_page(viewport={"width": 360, "height": 740})
    memory = visit.page.get_by_role("region", name="Memory")
    expect(memory).not_to_be_visible()

    visit.page.get_by_role("button", name="Chats and memory").click()
    expect(memory).to_be_visible()
    visit.page.keyboard.press("Escape")

    expect(memory).not_to_be_visible()
    expect(visit.page.get_by_role("button", name="Chats and memory")).to_be_focused()


def test_nothing_jumps_while_the_page_opens(visit: Visit) -> None:
    shift = visit.page.evaluate(
        """() => new Promise(resolve => { let sum = 0;
        new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value })
            .observe({type: "layout-shift", buffered: true});
        setTimeout(() => resolve(sum), 100) })"""
    )

    assert shift < 0.01


def test_a_long_conversation_makes_only_the_markdown_that_is_near(visit: Visit) -> None:
    visit.page.evaluate(LONG_CHAT)
    visit.page.reload()
    expect(visit.page.locator(".answer").last).to_contain_text("Answer 399")

    made = visit.page.locator(".prose:not(:empty)").count()

    assert made < 60
    visit.page.locator("#messages").evaluate("list => list.scrollTop = 0")
    expect(visit.page.locator(".answer").first).to_contain_text("Answer 1")

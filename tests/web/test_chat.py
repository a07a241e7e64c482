"""Chatting on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_memory import MODEL

pytestmark = pytest.mark.slow


def test_an_answer_appears_while_it_is_still_being_made(visit: Visit, box: ScriptedBox) -> None:
    answer = visit.ask("hold")

    expect(answer).to_contain_text("The first half")
    expect(answer).to_have_attribute("aria-busy", "true")
    box.open_gate()
    expect(answer).to_contain_text("The first half and the second half.")
    expect(answer).to_have_attribute("aria-busy", "false")


def test_the_answer_says_how_fast_it_came_and_how_much_context_is_used(visit: Visit) -> None:
    answer = visit.ask_and_wait("hello")

    expect(answer.locator(".facts")).to_contain_text("61.3 tokens/s · 212 tokens")
    expect(answer.locator(".facts")).to_contain_text("context 250 of 4,096 (6 %)")


def test_a_settled_block_is_not_made_again_when_more_text_comes(visit: Visit, box: ScriptedBox) -> None:
    answer = visit.ask("grow")
    expect(answer).to_contain_text("open")
    answer.locator("h1").evaluate("heading => heading.mark = 1")

    box.open_gate()

    expect(answer.locator(".code")).to_be_visible()
    assert answer.locator("h1").evaluate("heading => heading.mark") == 1
    expect(answer.locator("p").filter(has_text="open and closed")).to_have_count(1)


def test_an_earlier_message_is_untouched_by_a_later_answer(visit: Visit) -> None:
    first = visit.page.locator(".answer").first
    visit.ask_and_wait("one")
    first.evaluate(
        """node => { window.touched = 0;
        new MutationObserver(() => window.touched++)
            .observe(node, {subtree: true, childList: true, characterData: true}) }"""
    )

    visit.ask_and_wait("code")

    assert visit.page.evaluate("window.touched") == 0


def test_the_end_stays_in_sight_until_somebody_scrolls_up(visit: Visit, box: ScriptedBox) -> None:
    below = "list => list.scrollHeight - list.scrollTop - list.clientHeight"
    messages = visit.page.locator("#messages")
    visit.ask_and_wait("code")
    visit.ask_and_wait("attack")
    assert messages.evaluate(below) < 2

    visit.ask("grow")
    messages.hover()
    visit.page.mouse.wheel(0, -400)
    expect(visit.page.get_by_role("button", name="Go to the end")).to_be_visible()
    box.open_gate()

    expect(visit.page.locator(".answer").last).to_have_attribute("aria-busy", "false")
    assert messages.evaluate(below) > 100


def test_stopping_keeps_the_text_and_lets_the_box_know(visit: Visit, box: ScriptedBox) -> None:
    answer = visit.ask("forever")
    expect(answer).to_contain_text("It goes on")

    visit.page.get_by_role("button", name="Stop the answer").click()

    expect(answer.locator(".end")).to_have_text("Stopped.")
    expect(answer).to_contain_text("It goes on")
    assert box.left.wait(60)


def test_an_answer_can_be_asked_for_again(visit: Visit, box: ScriptedBox) -> None:
    visit.ask_and_wait("hello").evaluate("node => node.classList.add('old')")

    visit.page.get_by_role("button", name="Answer again").click()

    expect(visit.page.locator(".answer:not(.old)")).to_contain_text("You said: hello")
    expect(visit.page.locator(".message")).to_have_count(2)
    assert [request["messages"] for request in box.requests] == [[{"role": "user", "content": "hello"}]] * 2


def test_the_last_question_can_be_changed_and_sent_again(visit: Visit, box: ScriptedBox) -> None:
    visit.ask_and_wait("hello")

    visit.page.get_by_role("button", name="Edit and send again").click()
    visit.page.get_by_role("textbox", name="Your message").fill("good bye")
    visit.page.keyboard.press("Enter")

    expect(visit.page.locator(".answer")).to_contain_text("You said: good bye")
    assert box.requests[-1]["messages"] == [{"role": "user", "content": "good bye"}]


def test_the_model_is_sent_the_whole_conversation_and_what_the_settings_say(visit: Visit, box: ScriptedBox) -> None:
    visit.ask_and_wait("one")
    visit.page.get_by_role("button", name="Settings").click()
    visit.page.get_by_label("System prompt").fill("Be brief.")
    visit.page.get_by_label("Temperature").fill("0.2")
    visit.page.get_by_label("Tokens at most").fill("99")
    visit.page.get_by_role("button", name="Done").click()

    visit.ask_and_wait("two")

    request = box.requests[-1]
    assert [each["content"] for each in request["messages"]] == ["Be brief.", "one", "You said: one", "two"]
    assert (request["model"], request["temperature"], request["max_tokens"]) == (MODEL, 0.2, 99)


def test_reasoning_is_folded_away_and_never_sent_back(visit: Visit, box: ScriptedBox) -> None:
    answer = visit.ask_and_wait("think")

    expect(answer.get_by_text("Six times seven")).not_to_be_visible()
    answer.locator("summary").click()
    expect(answer.get_by_text("Six times seven")).to_be_visible()
    visit.ask_and_wait("more")
    assert "Six times seven" not in str(box.requests[-1])


def test_an_error_in_mid_answer_is_said_and_the_text_is_kept(visit: Visit) -> None:
    answer = visit.ask_and_wait("break")

    expect(answer.get_by_role("alert")).to_have_text("The engine ended (signal 9). Ask again.")
    expect(answer.locator(".prose")).to_have_text("Some text came before")
    expect(visit.page.get_by_role("button", name="Answer again")).to_be_visible()


def test_a_refusal_is_said_in_the_words_of_the_box(open_page: Callable[..., Visit]) -> None:
    visit = open_page()  # not held to silence: the browser itself notes a status of 400

    answer = visit.ask_and_wait("refuse")

    expect(answer.get_by_role("alert")).to_contain_text("The prompt has 9000 tokens; the context holds 8192.")


def test_code_is_coloured_and_copied_without_its_frame(open_page: Callable[..., Visit]) -> None:
    visit = open_page(permissions=["clipboard-read", "clipboard-write"])
    answer = visit.ask_and_wait("code")

    answer.get_by_role("button", name="Copy code").click()

    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("from collections import Counter\n")
    expect(answer.locator(".hljs-keyword").first).to_have_text("from")


def test_copying_an_answer_gives_its_markdown(open_page: Callable[..., Visit]) -> None:
    visit = open_page(permissions=["clipboard-read", "clipboard-write"])
    visit.ask_and_wait("code")

    visit.page.get_by_role("button", name="Copy answer").click()

    visit.page.get_by_role("button", name="Copied").wait_for()
    assert visit.page.evaluate("navigator.clipboard.readText()").startswith("## Counting words\n")


def test_a_chat_is_still_there_after_the_page_is_opened_again(visit: Visit) -> None:
    visit.ask_and_wait("code")

    visit.page.reload()

    expect(visit.page.locator(".answer h2")).to_have_text("Counting words")
    expect(visit.page.locator(".facts")).to_contain_text("61.3 tokens/s")


def test_chats_are_named_renamed_and_deleted_with_a_way_back(visit: Visit) -> None:
    visit.ask_and_wait("hello")
    history = visit.page.get_by_role("navigation", name="Chats")

    history.get_by_role("button", name="Rename hello").click()
    visit.page.keyboard.type("Greetings")
    visit.page.keyboard.press("Enter")
    history.get_by_role("button", name="Delete Greetings").click()
    expect(history.get_by_role("listitem")).to_have_count(0)
    visit.page.get_by_role("button", name="Undo").click()

    expect(history.get_by_role("button", name="Greetings", exact=True)).to_be_visible()
    expect(visit.page.locator(".answer")).to_contain_text("You said: hello")


def test_an_answer_goes_on_while_another_chat_is_shown(visit: Visit, box: ScriptedBox) -> None:
    visit.ask("hold")
    visit.page.get_by_role("button", name="New chat").click()
    visit.ask_and_wait("hello")

    box.open_gate()
    visit.page.get_by_role("button", name="hold", exact=True).click()

    expect(visit.page.locator(".answer")).to_contain_text("The first half and the second half.")

"""What a model writes stays text: nothing of it runs, and nothing of it fetches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox

pytestmark = pytest.mark.slow


def test_nothing_that_a_model_writes_runs(visit: Visit) -> None:
    answer = visit.ask_and_wait("attack")

    expect(answer).to_contain_text("The end.")
    assert visit.page.evaluate("window.hit") is None
    dangerous = "script, iframe, style, svg[onload], form, input, img, [onclick], [onerror], [onmouseover], [style]"
    expect(answer.locator(".prose").locator(dangerous)).to_have_count(0)


def test_links_lead_only_to_the_web_and_never_back_here(visit: Visit) -> None:
    answer = visit.ask_and_wait("attack")

    links = answer.locator(".prose a[href]")

    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://elsewhere.invalid/pixel.png")
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_raw_html_is_shown_as_it_was_written(visit: Visit) -> None:
    answer = visit.ask_and_wait("attack")

    expect(answer).to_contain_text('<img src=x onerror="window.hit=1"> <script>window.hit=1</script>')


def test_what_a_person_types_is_text_too(visit: Visit) -> None:
    visit.ask_and_wait('<img src=x onerror="window.hit=1">')

    expect(visit.page.locator(".bubble")).to_have_text('<img src=x onerror="window.hit=1">')
    assert visit.page.evaluate("window.hit") is None


def test_no_request_leaves_the_box(visit: Visit, box: ScriptedBox) -> None:
    visit.ask_and_wait("attack")
    visit.ask_and_wait("code")

    elsewhere = [address for address in visit.addresses if not address.startswith(box.url + "/")]

    assert elsewhere == []


def test_the_policy_stops_what_would_get_past_the_sanitiser(open_page: Callable[..., Visit]) -> None:
    visit = open_page()

    refused = visit.page.evaluate(
        "(() => { try { document.body.innerHTML = '<b>'; return '' } catch (error) { return error.name } })()"
    )

    assert refused == "TypeError"

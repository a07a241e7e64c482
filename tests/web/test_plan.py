"""The view of the plan: what fits, how fast, and what to do about it, asked while one types."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Visit
from tests.web.scripted_box import HOLD, ScriptedBox
from tests.web.scripted_memory import MODEL, OTHER
from tests.web.scripted_plan import SPARK

pytestmark = pytest.mark.slow

TO, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
LARGE = "gpt-oss-120b"
DENSE = "Llama-3.3-70B-Instruct"
AT_ONCE = """(field, text) => {
    field.value = "";
    for (const letter of text) {
        field.value += letter;
        field.dispatchEvent(new Event("input", {bubbles: true}));
    }
}"""
WIDTHS = "bar => [...bar.children].map(part => part.offsetWidth / bar.offsetWidth)"


def open_plan(page: Page, **asked: str | int) -> Locator:
    """Goes to the view by its address; gives back the answer's element."""
    page.evaluate("hash => { location.hash = hash }", f"plan?{urlencode(asked)}")
    answer = page.locator("#plan-answer")
    expect(answer).to_have_attribute("aria-busy", "false")
    return answer


def test_the_plan_opens_from_the_header_with_the_model_of_the_chat(visit: Visit, box: ScriptedBox) -> None:
    visit.page.get_by_role("link", name="Plan", exact=True).click()

    expect(visit.page.get_by_label("Model", exact=True)).to_have_value(MODEL)
    expect(visit.page.get_by_role("heading", name="It fits")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Plan", exact=True)).to_have_attribute("aria-current", "page")
    expect(visit.page.get_by_role("textbox", name="Message")).not_to_be_visible()
    asked = {"model": MODEL, "context": "8192", "parallel": "1", "boxes": "1", "kv_type": "f16"}
    assert box.plans[-1] == asked


def test_a_model_that_fits_says_so_with_its_figures(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK, context=32768)

    expect(answer.get_by_role("heading", name="It fits", exact=True)).to_be_visible()
    expect(answer.locator(".verdict")).to_contain_text(
        "gpt-oss-120b needs 66.8 GB of the 114.6 GB that DGX Spark (Founders Edition) can give to models; "
        "47.8 GB stay free."
    )


def test_a_model_that_does_not_fit_says_by_how_much(visit: Visit) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")

    expect(answer.get_by_role("heading", name="It does not fit")).to_be_visible()
    expect(answer.locator(".verdict")).to_contain_text("needs 44.1 GB, 11.6 GB more than the 32.5 GB")
    expect(answer.locator(".legend")).to_contain_text("too much11.6 GB")


def test_one_bar_shows_the_parts_of_memory_against_the_capacity(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK, context=32768)

    bar = answer.get_by_role("img", name="66.8 GB of 114.6 GB")
    expect(bar).to_have_attribute(
        "aria-label",
        "66.8 GB of 114.6 GB: weights 63.4 GB, context 2.4 GB, compute buffers 450.0 MB, output 2.0 MB, "
        "overhead 600.0 MB",
    )
    assert bar.evaluate(WIDTHS)[:2] == pytest.approx([63.4 / 114.6, 2.4 / 114.6], abs=0.01)


def test_what_is_beyond_the_capacity_is_marked_in_the_bar(visit: Visit) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")

    beyond = answer.locator(".bar .beyond")

    expect(beyond).to_have_attribute("title", "too much: 11.6 GB")
    assert beyond.evaluate("part => part.offsetLeft / part.parentNode.offsetWidth") == pytest.approx(
        32.5 / 44.1, abs=0.01
    )


def test_each_figure_says_where_it_comes_from(visit: Visit) -> None:
    elsewhere = open_plan(visit.page, model=LARGE, box=SPARK)
    expect(elsewhere.locator(".sum .origin")).to_have_text(["predicted", "stated"])
    expect(elsewhere.locator(".figure .origin")).to_have_text(["predicted"] * 4)

    here = open_plan(visit.page, model=MODEL, box="")

    expect(here.locator(".sum .origin")).to_have_text(["predicted", "measured"])
    expect(here.locator(".figure .origin")).to_have_text(["calibrated", "calibrated", "calibrated", "predicted"])


def test_the_speeds_stand_with_their_interval_the_limit_and_what_binds(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK)

    rows = answer.locator(".figure")

    expect(rows.nth(0)).to_have_text(f"Decode59.6 tokens/spredictedwhile it answers; 54.8{TO}64.9 (80 %)")
    expect(rows.nth(1)).to_have_text(f"Prefill1,904 tokens/spredictedwhile it reads; 1,670{TO}2,140 (80 %)")
    expect(rows.nth(2)).to_have_text("First token286 mspredicted")
    expect(rows.nth(3)).to_contain_text("Limit82.7 tokens/s")
    expect(rows.nth(4)).to_contain_text("Bound bymemory bandwidth")


def test_decode_over_depth_is_a_line_with_a_band_below_a_dashed_limit(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK)

    picture = answer.get_by_role("img", name="Decode speed over depth.")

    expect(picture).to_have_attribute(
        "aria-label",
        f"Decode speed over depth. 0 tokens deep: 59.6 tokens/s (54.8{TO}64.9); "
        f"32,768 tokens deep: 34.7 tokens/s (32.0{TO}37.9); the limit is 82.7 tokens/s.",
    )
    expect(picture.locator("circle")).to_have_count(7)
    line, limit = picture.locator(".line").bounding_box(), picture.locator(".limit").bounding_box()
    assert line is not None
    assert limit is not None
    assert line["width"] > 500
    assert limit["y"] < line["y"]
    assert picture.locator(".limit").evaluate("line => getComputedStyle(line).strokeDasharray") == "6px, 5px"


def test_the_speed_at_a_depth_can_be_read_with_the_pointer_and_in_a_table(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK)

    answer.locator("svg.depths").hover(position={"x": 425, "y": 100})
    answer.get_by_text("The figures").click()

    expect(answer.locator(".readout")).to_have_text(f"16,384 tokens deep: 43.9 tokens/s (40.4{TO}47.8)")
    expect(answer.get_by_role("row", name=f"8,192 50.5 46.5{TO}55.1")).to_be_visible()


def test_what_is_not_known_is_said_to_be_not_known(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box="new-box")

    expect(answer.get_by_role("heading", name="Not known whether it fits")).to_be_visible()
    expect(answer.locator(".verdict")).to_contain_text("How much memory Unmeasured can give is not known.")
    expect(answer.locator(".figure dd:first-of-type")).to_have_text(["not known"] * 5)
    expect(answer).to_contain_text("Not known for this model on this box.")
    expect(answer.locator("svg.depths")).to_have_count(0)


def test_a_piece_of_advice_is_followed_with_one_press(visit: Visit, box: ScriptedBox) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")

    answer.get_by_role("button", name="Try it: On two such boxes it fits.").press("Enter")

    expect(answer.get_by_role("heading", name="It fits")).to_be_visible()
    expect(visit.page.get_by_label("Boxes", exact=True)).to_have_value("2")
    expect(answer.locator(".verdict")).to_be_focused()
    expect(answer.locator(".verdict")).to_contain_text(f"2 {TIMES} GeForce RTX 5090 (card)")
    assert box.plans[-1]["boxes"] == "2"


def test_advice_that_names_nothing_to_set_is_only_read(visit: Visit) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")

    last = answer.get_by_role("listitem").filter(has_text="Choose a smaller model.")

    expect(last.get_by_role("button")).to_have_count(0)
    expect(answer.get_by_role("list", name="Advice")).not_to_contain_text("--")


def test_advice_does_not_say_again_what_the_verdict_says(visit: Visit) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")

    expect(answer.get_by_text(f"{DENSE} needs")).to_have_count(1)


def test_a_speed_of_what_does_not_fit_is_told_with_an_if(visit: Visit) -> None:
    answer = open_plan(visit.page, model=DENSE, box="rtx-5090")
    expect(answer.get_by_role("heading", name="Speed, if it fitted")).to_be_visible()

    visit.page.get_by_label("Boxes", exact=True).fill("2")

    expect(answer.get_by_role("heading", name="Speed", exact=True)).to_be_visible()


def test_speeds_in_parallel_are_said_to_be_sums(visit: Visit) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK, parallel=4)

    expect(answer.locator(".figure").first).to_contain_text("while it answers, all 4 together; ")


def test_a_number_that_is_left_empty_is_left_to_the_box(visit: Visit, box: ScriptedBox) -> None:
    answer = open_plan(visit.page, model=LARGE, box=SPARK)

    visit.page.get_by_label("Context", exact=True).fill("")
    visit.page.get_by_label("In parallel").fill("2")

    expect(answer.locator(".figure").first).to_contain_text("all 2 together")
    assert "context" not in box.plans[-1]


def test_an_unknown_model_is_answered_with_the_nearest_names(open_page: Callable[..., Visit]) -> None:
    visit = open_page()

    answer = open_plan(visit.page, model="gpt-oss")

    expect(answer.locator(".error")).to_have_text("No model called 'gpt-oss' is known here. Did you mean gpt-oss-120b?")
    visit.page.get_by_label("Model", exact=True).fill(LARGE)
    expect(answer.get_by_role("heading", name="It does not fit")).to_be_visible()


def test_a_wrong_number_is_told_without_asking_the_box(visit: Visit, box: ScriptedBox) -> None:
    answer = open_plan(visit.page, model=LARGE)
    before = len(box.plans)

    visit.page.get_by_label("Context", exact=True).fill("-1")

    expect(answer.locator(".error")).to_contain_text("Context: ")
    assert len(box.plans) == before


def test_what_is_typed_quickly_is_asked_once(visit: Visit, box: ScriptedBox) -> None:
    answer = open_plan(visit.page, model=MODEL)
    before = len(box.plans)

    visit.page.get_by_label("Context", exact=True).evaluate(AT_ONCE, "16384")

    expect(answer.locator(".legend")).to_contain_text("context1.2 GB")
    assert [asked["context"] for asked in box.plans[before:]] == ["16384"]


def test_an_answer_that_comes_too_late_is_not_shown(visit: Visit, box: ScriptedBox) -> None:
    open_plan(visit.page, model=MODEL)
    with visit.page.expect_request("**/box/plan?*"):
        visit.page.get_by_label("Model", exact=True).fill(HOLD)

    with visit.page.expect_event("requestfailed"):
        visit.page.get_by_label("Model", exact=True).fill(DENSE)
    expect(visit.page.locator(".verdict")).to_contain_text(DENSE)
    box.open_gate()

    expect(visit.page.locator(".verdict")).to_contain_text(DENSE)


def test_the_model_field_offers_what_is_stored_and_what_is_well_known(visit: Visit) -> None:
    open_plan(visit.page)

    offered = visit.page.locator("#plan-models option").evaluate_all("all => all.map(option => option.value)")

    assert offered[:2] == [MODEL, OTHER]
    assert LARGE in offered


def test_a_plan_is_found_again_by_its_address(visit: Visit) -> None:
    open_plan(visit.page, model=LARGE)
    visit.page.get_by_label("Box", exact=True).select_option(label="DGX Spark (Founders Edition)")
    expect(visit.page.get_by_role("heading", name="It fits")).to_be_visible()

    visit.page.reload()

    expect(visit.page.get_by_label("Box", exact=True)).to_have_value(SPARK)
    expect(visit.page.locator(".verdict")).to_contain_text("gpt-oss-120b needs 65.0 GB of the 114.6 GB")


def test_nothing_in_an_address_becomes_markup(open_page: Callable[..., Visit]) -> None:
    visit = open_page()

    answer = open_plan(visit.page, model="<img src=x onerror=window.hit=1>", box="<b>box</b>", constructor="x")

    expect(answer.locator(".error")).to_contain_text("'<img src=x onerror=window.hit=1>'")
    assert visit.page.evaluate("window.hit") is None


def test_the_way_back_to_the_chat_keeps_the_chat(visit: Visit) -> None:
    visit.ask_and_wait("hello")
    open_plan(visit.page, model=MODEL)
    assert visit.page.title() == f"Plan {TO} Tinderbox"

    visit.page.get_by_role("link", name="Chat", exact=True).click()

    expect(visit.page.locator(".answer")).to_be_visible()
    expect(visit.page.get_by_role("textbox", name="Message")).to_be_focused()
    assert visit.page.title() == f"hello {TO} Tinderbox"


def test_a_new_chat_leaves_the_plan(visit: Visit) -> None:
    open_plan(visit.page, model=MODEL)

    visit.page.get_by_role("button", name="New chat").click()

    expect(visit.page.get_by_role("textbox", name="Message")).to_be_focused()
    expect(visit.page.locator("#planner")).not_to_be_visible()


def test_a_whole_plan_needs_only_the_keyboard(visit: Visit) -> None:
    keyboard = visit.page.keyboard
    visit.page.get_by_role("link", name="Plan", exact=True).focus()
    keyboard.press("Enter")
    expect(visit.page.get_by_label("Model", exact=True)).to_be_focused()

    keyboard.press("Control+a")
    keyboard.type(LARGE)
    keyboard.press("Tab")
    keyboard.type("DGX")
    keyboard.press("Tab")
    keyboard.press("Control+a")
    keyboard.type("16384")
    keyboard.press("Enter")

    expect(visit.page.locator(".verdict")).to_contain_text("gpt-oss-120b needs 65.6 GB of the 114.6 GB that DGX Spark")


def test_a_screen_reader_is_told_the_answer_in_one_sentence(visit: Visit) -> None:
    open_plan(visit.page, model=LARGE, box=SPARK)

    expect(visit.page.locator("#live")).to_have_text(
        "It fits. gpt-oss-120b needs 65.0 GB of the 114.6 GB that DGX Spark (Founders Edition) can give to models; "
        "49.6 GB stay free. 59.6 tokens per second."
    )


def test_each_field_of_the_plan_has_its_name(visit: Visit) -> None:
    open_plan(visit.page, model=MODEL)

    unnamed = visit.page.locator("#plan-form").evaluate(
        "form => [...form.elements].filter(field => !field.labels[0]?.textContent).length"
    )

    assert unnamed == 0


def test_the_plan_asks_again_when_the_box_comes_back(open_page: Callable[..., Visit], box: ScriptedBox) -> None:
    visit = open_page()
    answer = open_plan(visit.page, model=MODEL)
    box.stop()
    visit.page.get_by_label("Cache type").select_option("q8_0")
    expect(answer.locator(".error")).to_contain_text("The box does not answer.")

    box.start()

    expect(answer.get_by_role("heading", name="It fits")).to_be_visible()


@pytest.mark.parametrize("asked", [{"model": LARGE, "box": SPARK}, {"model": DENSE, "box": "rtx-5090"}])
def test_no_plan_is_wider_than_a_narrow_screen(open_page: Callable[..., Visit], asked: dict[str, str]) -> None:
    visit = open_page(viewport={"width": 360, "height": 740})

    open_plan(visit.page, **asked)

    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    assert visit.page.locator("#planner").evaluate("view => view.scrollWidth - view.clientWidth") == 0
    assert visit.page.locator("svg.depths").evaluate("svg => svg.viewBox.baseVal.width") < 330


def test_the_plan_does_not_jump_while_it_opens(visit: Visit) -> None:
    open_plan(visit.page, model=LARGE, box=SPARK)
    visit.page.reload()
    expect(visit.page.get_by_role("heading", name="It fits")).to_be_visible()

    assert visit.page.evaluate("document.documentElement.dataset.view") == "plan"
    expect(visit.page.locator(".welcome")).not_to_be_visible()

"""The view of the jobs: all of them, one of them, and how a new one begins."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.web.conftest import Visit
from tests.web.scripted_box import ScriptedBox
from tests.web.scripted_jobs import TAKEN, scripted_job
from tests.web.scripted_memory import MODEL

pytestmark = pytest.mark.slow


@pytest.fixture
def jobs(visit: Visit) -> Visit:
    visit.page.get_by_role("link", name="Jobs").click()
    visit.page.wait_for_selector("#jobs-list li")
    return visit


def row(visit: Visit, number: int) -> Locator:
    return visit.page.locator("#jobs-list li").filter(has_text=re.compile(rf"^{number}\."))


def test_the_list_says_how_far_each_is_and_what_came_of_it(jobs: Visit) -> None:
    expect(row(jobs, 1)).to_contain_text("done")
    expect(row(jobs, 1)).to_contain_text("smollm2:135m-q4_0, 91.7 MB")
    expect(row(jobs, 2)).to_contain_text("112 of 272 tensors")
    expect(row(jobs, 2).get_by_role("progressbar")).to_have_js_property("value", 0.41)
    expect(row(jobs, 3)).to_contain_text("Its process was ended by signal 9 (SIGKILL).")


def test_while_something_runs_the_list_keeps_up_by_itself(jobs: Visit, box: ScriptedBox) -> None:
    box.jobs.known[2] = scripted_job(2, "running", progress=0.75)
    expect(row(jobs, 2)).to_contain_text("75 %")

    box.jobs.known[2] = scripted_job(2, "done", result={"model": "smaller:1b", "size": 10**8})

    expect(row(jobs, 2)).to_contain_text("smaller:1b, 100.0 MB")


def test_a_job_that_was_begun_elsewhere_is_seen_when_it_takes_memory(jobs: Visit, box: ScriptedBox) -> None:
    box.jobs.known = {5: scripted_job(5, "done", result={"model": "smaller:1b", "size": 10**8})}
    expect(row(jobs, 5)).to_be_visible()  # nothing runs any more: the list is not read again by itself

    box.jobs.known[6] = scripted_job(6, "running")
    box.ready |= {"run 2": "ready"}
    box.tell()

    expect(row(jobs, 6)).to_be_visible()


def test_a_job_is_stopped_resumed_and_removed_by_keyboard_from_one_place(jobs: Visit, box: ScriptedBox) -> None:
    jobs.page.get_by_role("button", name="Stop job 2").focus()

    jobs.page.keyboard.press("Enter")
    expect(jobs.page.get_by_role("button", name="Resume job 2")).to_be_focused()
    jobs.page.keyboard.press("Enter")
    expect(row(jobs, 2)).to_contain_text("waiting")
    jobs.page.get_by_role("button", name="Remove job 1").click()

    expect(row(jobs, 1)).to_have_count(0)
    assert box.jobs.orders == [("stop", 2), ("resume", 2), ("forget", 1)]


def test_the_page_of_a_job_follows_its_log_to_the_end(jobs: Visit, box: ScriptedBox) -> None:
    row(jobs, 2).get_by_role("link").click()
    log = jobs.page.get_by_label("What it has written")
    expect(log).to_contain_text("Job 2 writes this.")

    jobs.page.get_by_role("button", name="Stop job 2").click()

    expect(log).to_contain_text("The end of the log.")
    expect(jobs.page.locator(".about")).to_contain_text("stopped")


def test_a_job_that_is_no_more_is_said_to_be_so(jobs: Visit) -> None:
    jobs.page.evaluate("location.hash = 'jobs/9'")

    expect(jobs.page.locator("#one-job")).to_contain_text("There is no job 9 any more.")


def test_a_model_is_made_smaller(jobs: Visit, box: ScriptedBox) -> None:
    form = jobs.page.locator("#quantise")
    form.get_by_label("Stored model").select_option(MODEL)
    form.get_by_label("Type").select_option("Q2_K")
    form.get_by_label("smollm2:135m is Q4_1 already").check()

    form.get_by_role("button", name="Quantise").click()

    expect(jobs.page.get_by_role("heading", name="Job 4: quantise smollm2:135m Q2_K")).to_be_visible()
    arguments = {"model": MODEL, "type": "Q2_K", "requantise": True}
    assert box.jobs.orders == [("submit", {"kind": "quantise", "arguments": arguments})]


def test_what_loses_twice_must_be_meant(jobs: Visit, box: ScriptedBox) -> None:
    form = jobs.page.locator("#quantise")

    form.get_by_role("button", name="Quantise").click()

    expect(form.get_by_role("alert")).to_have_text("Say that it is meant, or choose a model of 16 bits.")
    expect(form.get_by_role("checkbox")).to_be_focused()
    assert box.jobs.orders == []


def test_what_is_wrong_is_said_at_the_form_and_goes_when_it_is_mended(jobs: Visit) -> None:
    form = jobs.page.locator("#quantise")
    form.get_by_label("smollm2:135m is Q4_1 already").check()
    form.get_by_label("Name").fill(TAKEN)
    jobs.complaints.clear()

    form.get_by_role("button", name="Quantise").click()
    expect(form.get_by_role("alert")).to_have_text(f"There is a model '{TAKEN}' already.")
    expect(form.get_by_label("Name")).to_be_focused()
    form.get_by_label("Name").fill("free:1b")

    expect(form.get_by_role("alert")).to_be_empty()
    jobs.complaints.clear()  # a browser calls each refusal an error


def curve(visit: Visit, name: str) -> Locator:
    return visit.page.locator(".curves li").filter(has_text=re.compile(f"^{name}")).get_by_role("img")


def test_what_a_job_measures_is_drawn_and_grows_while_it_runs(jobs: Visit, box: ScriptedBox) -> None:
    box.jobs.curves[2] = {"memory": [[1, 1.25e9]], "loss": [[1, 4.0], [2, 3.5]]}
    row(jobs, 2).get_by_role("link").click()
    expect(jobs.page.locator(".curves li .who")).to_have_text(["loss", "memory"])
    expect(jobs.page.locator(".curves .readout")).to_have_text(["3.5 at step 2", "1.3 GB at step 1"])

    box.jobs.curves[2]["loss"].append([3, 0.25])

    words = "loss: 4 at step 1, 0.25 at step 3, between 0.25 and 4"
    expect(curve(jobs, "loss")).to_have_attribute("aria-label", words)


def test_a_run_is_drawn_beside_another(jobs: Visit, box: ScriptedBox) -> None:
    box.jobs.curves = {1: {"loss": [[1, 2.0], [9, 1.0]]}, 2: {"loss": [[1, 4.0], [2, 3.5]]}}
    row(jobs, 2).get_by_role("link").click()

    jobs.page.get_by_label("Beside").select_option("job 1")

    expect(jobs.page.locator(".curves .readout")).to_have_text("3.5 at step 2; the other 1 at step 9")
    expect(curve(jobs, "loss").locator("path.beside")).to_have_count(1)


def test_a_job_without_curves_has_no_place_for_them(jobs: Visit) -> None:
    row(jobs, 1).get_by_role("link").click()

    expect(jobs.page.get_by_role("heading", name="Log")).to_be_visible()
    expect(jobs.page.locator("#curves-title")).to_be_hidden()

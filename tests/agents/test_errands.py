"""The errands by which agents are measured: nothing solves one but doing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.errand_world import lay_world
from bench.errands import Errand, errands

from tinderbox.agents.definition import parse

EACH = pytest.mark.parametrize("errand", errands(), ids=lambda errand: errand.name)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    place = tmp_path / "world"
    lay_world(place)
    return place


def test_there_are_thirty_and_each_has_a_name_of_its_own() -> None:
    assert len({errand.name for errand in errands()}) == 30


@EACH
def test_saying_the_errand_again_does_not_solve_it(world: Path, errand: Errand) -> None:
    assert not errand.solved(world, errand.task)


@EACH
def test_the_agent_that_runs_it_can_be_read(world: Path, tmp_path: Path, errand: Errand) -> None:
    agent = parse(errand.agent(world, "some:model"), errand.name, tmp_path / "agent.toml", tmp_path / "home")

    assert {tool.name for tool in agent.tools} == set(errand.tools)
    assert agent.approval == ()


def test_an_answer_in_words_solves_an_errand_of_numbers(world: Path) -> None:
    days = next(errand for errand in errands() if errand.name == "days")

    assert days.solved(world, "There are 997 days between them.")
    assert not days.solved(world, "There are 9970 days between them.")


def test_a_file_that_was_written_solves_an_errand_of_files(world: Path) -> None:
    port = next(errand for errand in errands() if errand.name == "port")
    file = world / "drafts" / "server.ini"

    file.write_text(file.read_text().replace("8080", "9090"))

    assert port.solved(world, "")

"""Search as a model meets it, over real documents, a real index, and vectors whose meaning can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tinderbox.agents.definition import parse
from tinderbox.agents.desk import make_desk
from tinderbox.agents.index import open_index
from tinderbox.agents.outside import Outside
from tinderbox.agents.passages import LARGEST, cut, text_of_page
from tinderbox.agents.search import fuse
from tinderbox.agents.tools import Outcome, call, make_tools
from tinderbox.errors import DoesNotFit

PLAN = """# Plan

## Money
The budget for the roof is 9,000 euros.

## Time
The workers come in May.
"""
COSTS, WHEN = ("budget", "euros", "price"), ("come", "May", "month")


@dataclass
class Meaning:
    """A model for which a text means costs, time, or neither; `asked` is what it was asked for."""

    asked: list[str] = field(default_factory=list)
    numbers: int = 3

    def __call__(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        self.asked += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        said = [float(any(word in text for word in words)) for words in (COSTS, WHEN)]
        return [*said, 0.1, *([0.0] * (self.numbers - 3))]


def no_room(model: str, texts: Sequence[str]) -> list[list[float]]:
    raise DoesNotFit(f"{model} needs 9 GB.")


class Library:
    """An agent that searches `notes`, beside a secret that it may not read."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.notes = self.root / "notes"
        self.notes.mkdir()
        (self.notes / "plan.md").write_text(PLAN)
        (self.notes / "eggs.txt").write_text("Nine eggs, boiled.\n")
        (self.root / "secret.md").write_text("The budget of the combination is 1-2-3-4.")
        self.meaning = Meaning()

    def ask(self, question: str, tool: str = "", **given: object) -> Outcome:
        text = f'model = "m"\n[folders]\nnotes = "{self.notes}"\n[tools.search]\n{tool}'
        agent = parse(text, "a", self.root / "a.toml", self.root / "home")
        desk = make_desk(self.root / "scratch", agent.folders, agent.limits)
        outside = Outside(self.root / "indices", no_room if "huge" in tool else self.meaning)
        (found,) = make_tools(agent, desk, sandbox=False, outside=outside)
        return call(found, {"question": question, **given}, desk)

    def says(self, question: str, tool: str = "", **given: object) -> str:
        return self.ask(question, tool, **given).text


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_a_passage_is_found_by_its_words_and_shown_with_its_lines(library: Library) -> None:
    told = library.says("How many eggs?", passages=1)

    assert told == "notes/eggs.txt:1-1\nNine eggs, boiled."


def test_a_passage_is_found_by_what_it_means(library: Library) -> None:
    told = library.says("In which month?", passages=1)

    assert told == "notes/plan.md:6-7\n## Time\nThe workers come in May."


def test_without_a_model_words_alone_find(library: Library) -> None:
    told = library.says("In which month do the workers start?", 'model = ""')

    assert told.startswith("notes/plan.md:6-7\n")
    assert library.meaning.asked == []


def test_where_the_model_cannot_be_had_words_find_and_the_model_is_told(library: Library) -> None:
    told = library.says("eggs", 'model = "huge"')

    assert told == "notes/eggs.txt:1-1\nNine eggs, boiled.\n\n[Found by words alone: huge needs 9 GB.]"


def test_only_what_has_changed_is_read_anew(library: Library) -> None:
    library.says("eggs")
    before = len(library.meaning.asked)
    (library.notes / "eggs.txt").write_text("Ten eggs, fried.\n")

    told = library.says("eggs", passages=1)

    assert told == "notes/eggs.txt:1-1\nTen eggs, fried."
    assert library.meaning.asked[before:] == ["notes/eggs.txt \nTen eggs, fried.", "eggs"]


def test_a_file_that_was_only_touched_is_not_read_anew(library: Library) -> None:
    library.says("eggs")
    before = len(library.meaning.asked)
    (library.notes / "eggs.txt").touch()

    library.says("eggs")

    assert library.meaning.asked[before:] == ["eggs"]


def test_what_is_gone_is_not_found(library: Library) -> None:
    library.says("eggs")
    (library.notes / "eggs.txt").unlink()

    assert "eggs.txt" not in library.says("eggs")


def test_another_model_makes_vectors_of_its_own(library: Library) -> None:
    library.says("eggs")
    library.meaning.numbers = 5

    told = library.says("In which month?", 'model = "other"', passages=1)

    assert told.startswith("notes/plan.md:6-7\n")


def test_a_model_that_was_replaced_makes_them_anew(library: Library) -> None:
    library.says("eggs")
    library.meaning.numbers = 5
    (library.notes / "new.md").write_text("The price is high.")

    library.says("eggs")

    assert library.says("In which month?", passages=1).startswith("notes/plan.md:6-7\n")


def test_what_lies_behind_a_link_is_not_found(library: Library) -> None:
    (library.notes / "link.md").symlink_to(library.root / "secret.md")
    (library.notes / "way").symlink_to(library.root)

    assert "1-2-3-4" not in library.says("budget of the combination", passages=20)


def test_pictures_and_hidden_files_are_no_documents(library: Library) -> None:
    (library.notes / "picture.png").write_bytes(b"\x89PNG eggs\0\0")
    (library.notes / ".eggs.md").write_text("hidden eggs")

    told = library.says("eggs", 'model = ""', passages=20)

    assert told == "notes/eggs.txt:1-1\nNine eggs, boiled."


def test_what_is_not_there_is_said(library: Library) -> None:
    assert library.says("quasar", 'model = ""') == "No document answers 'quasar'. Try other words."


@pytest.mark.parametrize("question", ['"', "NEAR(", "a AND OR -b*", "'; DROP TABLE words; --", "…"])
def test_any_question_is_only_a_question(library: Library, question: str) -> None:
    assert library.ask(question, 'model = ""').ok


def test_an_empty_question_is_sent_back(library: Library) -> None:
    assert library.ask(" ") == Outcome("'question' is empty.", ok=False)


def test_an_index_that_is_broken_is_made_again(library: Library) -> None:
    library.says("eggs")
    (file,) = (library.root / "indices").rglob("*.db")
    file.write_bytes(b"this is no database at all, and never was one" * 100)

    assert "Nine eggs" in library.says("eggs")


def test_what_there_is_no_time_for_waits_for_the_next_question(tmp_path: Path) -> None:
    from tinderbox.agents.search import Shelf, search

    library = Library(tmp_path)
    agent = parse(f'model = "m"\n[folders]\nnotes = "{library.notes}"', "a", tmp_path / "a.toml", tmp_path / "home")
    desk = make_desk(tmp_path / "scratch", agent.folders, agent.limits)
    shelf = Shelf(tmp_path / "x.db", "m", library.meaning)

    told = search(desk, shelf, "eggs", seconds=0)

    assert "[0 documents are read so far; the next search reads on.]" in told
    assert "Nine eggs" in search(desk, shelf, "eggs")


def test_two_runs_share_an_index(tmp_path: Path) -> None:
    with open_index(tmp_path / "x.db", "m") as one, open_index(tmp_path / "x.db", "m") as other:
        one.embed({})

        assert other.counts() == (0, 0)


def test_a_document_is_cut_at_headings_into_whole_lines() -> None:
    passages = cut(PLAN)

    assert [(p.first, p.last, p.heading) for p in passages] == [(1, 1, "Plan"), (3, 4, "Money"), (6, 7, "Time")]


def test_a_line_without_end_is_cut_too() -> None:
    passages = cut("x" * (2 * LARGEST + 5) + "\nend")

    assert [(p.first, p.last, len(p.text)) for p in passages] == [(1, 1, LARGEST), (1, 1, LARGEST), (1, 2, 9)]


def test_a_page_says_its_text_on_its_own_lines() -> None:
    page = "<html><style>b {}</style>\n<h2>Hens</h2>\n<p>Ten <b>hens</b>\nlay.</p><script>alert()</script></html>"

    assert text_of_page(page) == "\n# Hens\nTen hens\nlay."


def test_what_both_ways_propose_comes_first() -> None:
    assert fuse([1, 2, 3], [3, 4]) == [3, 1, 2, 4]

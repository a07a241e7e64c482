"""What the docs say is so."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.serve.house import make_house
from tinderbox.cli.main import COMMANDS, commands
from tinderbox.config import _READ

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PARTS = sorted(
    part.stem
    for part in (ROOT / "src/tinderbox").iterdir()
    if not part.name.startswith("_") and (part.suffix == ".py" or (part / "__init__.py").exists())
)
TOO_SMALL_FOR_A_PAGE = {"units", "errors", "lines", "client", "state", "planning", "keys", "audit"}


@pytest.mark.parametrize("part", [part for part in PARTS if part not in TOO_SMALL_FOR_A_PAGE])
def test_every_part_has_a_page(part: str) -> None:
    assert (DOCS / f"{part}.md").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_help_in_the_docs_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(commands, ["--help"], prog_name="tinderbox").output

    assert printed.rstrip() in (DOCS / "cli.md").read_text()


def test_every_command_is_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()

    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", text)] == []


def test_every_route_is_in_the_docs(tmp_path: Path) -> None:
    page = (DOCS / "serve.md").read_text()
    paths = make_house(tmp_path).openapi()["paths"]

    assert [path for path in paths if path not in page] == []


def test_every_setting_is_in_the_docs() -> None:
    page = (DOCS / "config.md").read_text()

    assert [key for key in _READ if f"`{key}`" not in page] == []


def test_no_page_names_a_place_on_some_machine() -> None:
    assert [page.name for page in PAGES if re.search(r"/(root|home|work)/", page.read_text())] == []

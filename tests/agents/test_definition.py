"""Agent files: what is read, and what is refused with its line."""

from pathlib import Path

import pytest

from tinderbox.agents.definition import Definition, parse, read_definition
from tinderbox.agents.folder import Folder
from tinderbox.agents.settings import Http, Limits, Mcp, Sql
from tinderbox.agents.template import TEMPLATE
from tinderbox.errors import NotFound, WrongUsage

WHOLE = """\
model = "qwen2.5-coder:1.5b"
instructions = "Be brief."
approval = ["files_write", "tickets"]

[folders]
notes = "/data/notes"
drafts = { path = "/data/drafts", write = true }

[tools.files]
folders = ["notes", "drafts"]
[tools.python]
[tools.shop]
kind = "sql"
file = "/data/shop.db"
[tools.http]
hosts = ["API.example.org"]
[tools.tickets]
kind = "mcp"
url = "https://tickets.example.org/mcp"

[limits]
steps = 5
memory = "1GiB"
"""


def read(text: str) -> Definition:
    return parse(text, "a", Path("/home/me/agents/a.toml"), Path("/home/me"))


def refusal(text: str) -> str:
    with pytest.raises(WrongUsage) as refused:
        read(text)
    return str(refused.value).removeprefix("/home/me/agents/a.toml, ")


def test_a_file_is_read_into_values() -> None:
    agent = read(WHOLE)

    assert (agent.model, agent.instructions) == ("qwen2.5-coder:1.5b", "Be brief.")
    assert agent.folders == (Folder("notes", Path("/data/notes")), Folder("drafts", Path("/data/drafts"), write=True))
    assert agent.tools[2:] == (
        Sql("shop", Path("/data/shop.db")),
        Http("http", ("api.example.org",)),
        Mcp("tickets", url="https://tickets.example.org/mcp"),
    )
    assert agent.limits == Limits(steps=5, memory=2**30)


def test_an_approval_is_for_a_tool_or_for_one_of_its_actions() -> None:
    agent = read(WHOLE)

    assert agent.asks("files", "files_write")
    assert agent.asks("tickets", "tickets_close")
    assert not agent.asks("files", "files_read")


def test_what_can_do_harm_asks_unless_the_file_says_otherwise() -> None:
    silent = WHOLE.replace('approval = ["files_write", "tickets"]', "")

    assert read(silent).approval == ("files_write", "files_edit", "python", "http_post", "tickets")
    assert read(silent.replace("write = true", "write = false")).approval == ("http_post", "tickets")
    assert read(WHOLE.replace('["files_write", "tickets"]', "[]")).approval == ()


def test_the_file_that_is_written_for_a_person_is_read() -> None:
    agent = read(TEMPLATE)

    assert [tool.name for tool in agent.tools] == ["files", "python"]
    assert agent.limits == Limits()


def test_everything_that_it_shows_commented_out_is_read_too() -> None:
    keys = ("notes", "drafts", "[tools", "kind", "file", "write =", "hosts", "command", "agent =", "approval")
    lines = [line[2:] if line.startswith(tuple(f"# {key}" for key in keys)) else line for line in TEMPLATE.splitlines()]

    agent = read("\n".join(lines))

    assert [tool.kind for tool in agent.tools] == ["files", "python", "shell", "sql", "search", "http", "mcp", "agent"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[tools.files]", "[tools.flies]", "line 9: 'flies' is no tool. Did you mean files?"),
        ('kind = "sql"', 'kind = "sqll"', "line 13: 'sqll' is no tool. Did you mean sql"),
        ("steps = 5", "stps = 5", "line 22: 'stps' is no limit. Did you mean steps?"),
        ("steps = 5", 'steps = "many"', "line 22: steps = 'many' is wrong: a whole number is wanted."),
        ("steps = 5", "steps = true", "line 22: steps = True is wrong: a whole number is wanted."),
        ("steps = 5", "steps = 0", "line 22: steps = 0 is wrong: it must lie between 1 and 10000."),
        ('"1GiB"', '"much"', "line 23: memory = 'much' is wrong: 'much' is no amount of memory;"),
        ("model =", "modle =", "line 1: 'modle' is no key of an agent. Did you mean model"),
        ('folders = ["notes"', 'folders = ["nots"', "line 10: 'nots' is no folder of this agent. Did you mean notes?"),
        ('"files_write"', '"files_wrote"', "line 3: 'files_wrote' is no tool of this agent. Did you mean files_write"),
        ('hosts = ["API', 'hosts = ["https://API', "line 16: hosts = ['https://API.example.org'] is wrong: "),
        ("hosts = ", "host = ", "line 16: 'host' is no key of the tool 'http'. Did you mean hosts?"),
        ('file = "/data/shop.db"', "", "line 12: 'file' is missing from the tool 'shop'."),
        ("url = ", 'command = ["x"]\nurl = ', "line 17: A server has either a 'command' or a 'url'."),
        ('"/data/notes"', '"notes"', "line 6: notes = 'notes' is wrong: a path is wanted that begins with / or ~"),
        ('"/data/notes"', '"/"', "line 6: notes = '/' is wrong: "),
        ('"/data/notes"', '"/data/../etc"', "line 6: notes = '/data/../etc' is wrong: "),
        ('"/data/notes"', '"/data/drafts/notes"', "line 6: 'notes' lies in 'drafts', which may be written."),
        ('"/data/notes"', '"/home/me/agents"', "line 6: /home/me/agents reaches the box's own home (/home/me)."),
        ('"/data/notes"', '"/home"', "line 6: /home reaches the box's own home"),
        ('"/data/shop.db"', '"/home/me/state.db"', "line 14: /home/me/state.db reaches the box's own home"),
        ("write = true }", "wrote = true }", "line 7: drafts = {'path': '/data/drafts', 'wrote': True} is wrong: "),
        ("[limits]", "[limits", "line 21: Expected ']' at the end of a table declaration."),
        (
            "/data/shop.db",
            "/data/drafts/shop.db",
            "line 14: /data/drafts/shop.db lies in 'drafts', which may be written.",
        ),
        ("notes = ", "results = ", "line 6: 'results' cannot be the name of a folder."),
        ("notes = ", "scratch = ", "line 6: 'scratch' cannot be the name of a folder."),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert refusal(WHOLE.replace(old, new)).startswith(said)


def test_instructions_are_taken_as_they_stand() -> None:
    assert read(WHOLE.replace("Be brief.", "- Be brief. -")).instructions == "- Be brief. -"
    assert read('model = "m"').instructions == ""


def test_a_file_without_a_model_is_refused() -> None:
    assert "'model' is missing" in refusal('instructions = "x"')


def test_what_is_found_wrong_later_has_its_line_too() -> None:
    assert str(read(WHOLE).refuse(("model",), "No such model.")) == "/home/me/agents/a.toml, line 1: No such model."


def test_an_agent_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/notes.toml").write_text(TEMPLATE)

    with pytest.raises(NotFound, match="Did you mean notes"):
        read_definition(tmp_path, "note")


@pytest.mark.parametrize("name", ["../config", "a/b", "", "-x", "A b"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUsage, match="is no name"):
        read_definition(tmp_path, name)

"""Tools as a model meets them: a call with arguments, and a text that comes back."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.agents.yard import needs_sandbox
from tests.models.web import Resource, Web, serving
from tinderbox.agents.definition import parse
from tinderbox.agents.desk import Desk, make_desk
from tinderbox.agents.tools import Outcome, Tool, call, make_tools


class Bench:
    """An agent's tools over real folders and a real database; `call` calls one."""

    def __init__(self, root: Path, tools: str = "[tools.files]\n[tools.python]\n[tools.shell]\n[tools.sql]") -> None:
        self.root = root.resolve()
        for name in ("notes", "drafts"):
            (self.root / name).mkdir()
        (self.root / "notes/plan.md").write_text("buy milk\nsell eggs\n")
        (self.root / "secret").write_text("1-2-3-4")
        with closing(sqlite3.connect(self.root / "shop.db")) as db:
            db.executescript(
                "CREATE TABLE sales(day TEXT, sum INTEGER); INSERT INTO sales VALUES ('mon', 3), ('tue', 4)"
            )
        folders = f'[folders]\nnotes = "{self.root}/notes"\ndrafts = {{ path = "{self.root}/drafts", write = true }}\n'
        tools = tools.replace("[tools.sql]", f'[tools.sql]\nfile = "{self.root}/shop.db"')
        text = f'model = "m"\napproval = []\n{folders}{tools}'
        self.agent = parse(text, "a", self.root / "a.toml", self.root / "home")
        self.desk: Desk = make_desk(self.root / "scratch", self.agent.folders, self.agent.limits)

    def tool(self, name: str) -> Tool:
        return {tool.name: tool for tool in make_tools(self.agent, self.desk, sandbox=True)}[name]

    def call(self, name: str, **given: Any) -> Outcome:
        return call(self.tool(name), given, self.desk)

    def says(self, name: str, **given: Any) -> str:
        return self.call(name, **given).text


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_without_the_sandbox_nothing_runs_code(bench: Bench) -> None:
    names = [tool.name for tool in make_tools(bench.agent, bench.desk, sandbox=False)]

    assert names == ["files_list", "files_read", "files_search", "files_write", "files_edit", "sql"]


def test_a_tool_is_described_as_the_chat_api_wants_it(bench: Bench) -> None:
    function = bench.tool("files_read").as_function()["function"]

    assert (function["name"], function["parameters"]["required"]) == ("files_read", ["path"])


def test_what_the_agents_file_says_asks_first(bench: Bench) -> None:
    asking = replace(bench.agent, approval=("files_write", "shell"))

    tools = make_tools(asking, bench.desk, sandbox=True)

    assert [tool.name for tool in tools if tool.asks] == ["files_write", "shell"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("files_read", {}, "The argument 'path' is missing. Wanted: path (a text), first_line (a whole number, may be"),
        ("files_read", {"pth": "x"}, "There is no argument 'pth'. Did you mean path?"),
        ("files_read", {"path": ["x"]}, "'path' must be a text, not [\"x\"]."),
        ("files_read", {"path": "notes/plan.md", "lines": "many"}, "'lines' must be a whole number, not \"many\"."),
        ("files_read", {"path": "notes/plan.md", "lines": 0}, "'lines' must lie between 1 and 2000."),
        ("files_read", "{path", "The arguments are no JSON: "),
        ("files_read", [], "The arguments must be an object. Wanted: path"),
        ("files_read", {"path": "notes/plam.md"}, "'notes/plam.md' is not there. Did you mean notes/plan.md?"),
        ("files_read", {"path": "plan.md"}, "'plan.md' is not there. Did you mean notes/plan.md?"),
        ("files_read", {"path": "notes/plan.md", "first_line": 9}, "notes/plan.md has 2 lines."),
        ("files_read", {"path": "notes/../../secret"}, "'../../secret' leads out of the folder."),
        ("files_read", {"path": "/etc/passwd"}, "'/etc/passwd' leads out of the folder."),
        ("files_write", {"path": "notes/x.md", "content": "x"}, "The folder 'notes' may only be read."),
        (
            "files_edit",
            {"path": "notes/plan.md", "old": "buy mlk", "new": "x"},
            "'old' does not stand in notes/plan.md.",
        ),
        ("files_edit", {"path": "notes/plan.md", "old": "l", "new": "x"}, "'old' stands 3 times in notes/plan.md."),
        ("files_search", {"words": " "}, "'words' is empty."),
        (
            "sql",
            {"statement": "SELECT * FROM sale"},
            "SQLite says: no such table: sale. There are: sales(day TEXT, sum",
        ),
        ("sql", {"statement": "SELECT 1; SELECT 2"}, "SQLite says: You can only execute one statement at a time."),
    ],
)
def test_what_is_wrong_is_told_so_that_a_model_can_mend_it(bench: Bench, name: str, given: object, said: str) -> None:
    outcome = call(bench.tool(name), given, bench.desk)

    assert not outcome.ok
    assert outcome.text.startswith(said)


def test_what_can_only_be_meant_in_one_way_is_taken_so(bench: Bench) -> None:
    told = call(bench.tool("files_read"), '{"path": "notes/plan.md", "first_line": "2", "lines": null}', bench.desk)

    assert told == Outcome("sell eggs\n[Lines 2 to 2 of 2 of notes/plan.md.]", ok=True)


def test_folders_and_files_are_listed(bench: Bench) -> None:
    bench.call("files_write", path="own.txt", content="x")

    assert bench.says("files_list") == "notes/  (to be read)\ndrafts/  (may be written)\nown.txt  1 B"
    assert bench.says("files_list", path="notes") == "plan.md  19 B"


def test_a_file_is_written_read_and_changed(bench: Bench) -> None:
    bench.call("files_write", path="drafts/new/a.md", content="one\ntwo\n")
    bench.call("files_edit", path="drafts/new/a.md", old="two", new="2")

    assert bench.says("files_read", path="drafts/new/a.md") == "one\n2\n"


def test_words_are_found_with_their_place(bench: Bench) -> None:
    bench.call("files_write", path="own.txt", content="MILK!")

    assert bench.says("files_search", words="milk") == "notes/plan.md:1: buy milk\nown.txt:1: MILK!"
    assert bench.says("files_search", words="eggs", path="notes/plan.md") == "notes/plan.md:2: sell eggs"
    assert bench.says("files_search", words="1-2-3-4").startswith("'1-2-3-4' stands in none of")


def test_a_short_file_in_which_nothing_was_found_is_told_whole(bench: Bench) -> None:
    told = bench.says("files_search", words="milkman", path="notes/plan.md")

    assert told == "'milkman' does not stand in notes/plan.md. It says:\nbuy milk\nsell eggs\n"


def test_a_search_follows_no_link(bench: Bench) -> None:
    (bench.root / "drafts/way").symlink_to(bench.root)
    (bench.root / "drafts/file").symlink_to(bench.root / "secret")

    assert bench.says("files_search", words="1-2-3").startswith("'1-2-3' stands in none")


def test_what_is_no_text_is_told(bench: Bench) -> None:
    (bench.root / "notes/picture").write_bytes(b"\x89PNG\0\0")

    assert bench.says("files_read", path="notes/picture") == "notes/picture is no text (6 B). Look at it with Python."


def test_a_long_result_is_cut_and_kept(bench: Bench) -> None:
    bench.call("files_write", path="long.txt", content="".join(f"line {n}\n" for n in range(2000)))

    told = bench.says("files_read", path="long.txt", lines=2000)
    name = told.split("The whole is in ")[1].split(",")[0]

    assert len(told) < 4200
    assert told.startswith("line 0\n")
    assert told.endswith("line 1999\n")
    assert bench.says("files_read", path=name, first_line=1000, lines=1).startswith("line 999\n")


def test_a_result_that_cannot_be_kept_is_cut_nonetheless(bench: Bench) -> None:
    (bench.root / "scratch/results").symlink_to(bench.root)

    assert "They could not be kept in results/." in bench.desk.cut("x" * 5000)


@needs_sandbox
def test_python_and_the_file_tools_mean_the_same_files(bench: Bench) -> None:
    told = bench.says("python", code="print(open('notes/plan.md').read()); open('out.txt', 'w').write('made')")

    assert told == "buy milk\nsell eggs"
    assert bench.says("files_read", path="out.txt") == bench.says("files_read", path="/desk/scratch/out.txt") == "made"


@needs_sandbox
def test_what_went_wrong_in_code_is_told_with_its_line(bench: Bench) -> None:
    told = bench.says("python", code="print('before')\nint('x')")

    assert told.startswith("before\n[errors]\nTraceback")
    assert "    int('x')" in told
    assert told.endswith("[It ended with status 1.]")


@needs_sandbox
def test_code_that_prints_nothing_is_told_how_to(bench: Bench) -> None:
    assert bench.says("python", code="1 + 1") == "It ended well and printed nothing. Use print() to see a value."
    assert bench.says("shell", command="expr 1 + 1") == "2"


@needs_sandbox
def test_a_tool_has_only_the_folders_that_it_is_given(tmp_path: Path) -> None:
    bench = Bench(tmp_path, '[tools.shell]\nfolders = ["drafts"]')

    assert "notes" not in bench.says("shell", command="ls /desk")


@needs_sandbox
def test_code_runs_for_no_longer_than_is_left(bench: Bench) -> None:
    bench.desk.allowance.take(59.5)

    assert "its time was up" in bench.says("shell", command="sleep 30")
    assert bench.says("shell", command="echo 1").startswith("The time in which code may run is used up.")


def test_rows_come_under_their_names(bench: Bench) -> None:
    assert bench.says("sql", statement="SELECT day, sum FROM sales") == "day | sum\nmon | 3\ntue | 4\n[2 rows]"
    assert "sales(day TEXT, sum INTEGER)" in bench.tool("sql").description


REFUSED = {
    "a change": "UPDATE sales SET sum = 0",
    "a table": "CREATE TABLE x(y)",
    "another file": "ATTACH '{root}/other.db' AS other",
    "a copy": "VACUUM INTO '{root}/copy.db'",
    "an extension": "SELECT load_extension('x')",
    "a setting": "PRAGMA query_only = OFF",
    "a setting of the schema": "PRAGMA writable_schema = ON",
    "the path of the file": "PRAGMA database_list",
    "a transaction": "BEGIN IMMEDIATE",
    "a table of some module": "CREATE VIRTUAL TABLE temp.x USING fts5(y)",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_a_database_that_may_be_read_is_only_read(bench: Bench, statement: str) -> None:
    before = (bench.root / "shop.db").read_bytes()

    outcome = bench.call("sql", statement=statement.format(root=bench.root))

    assert not outcome.ok
    assert outcome.text.startswith("SQLite says: this is not allowed here.")
    assert (bench.root / "shop.db").read_bytes() == before
    assert sorted(path.name for path in bench.root.iterdir() if "db" in path.name) == ["shop.db"]


@pytest.mark.parametrize("statement", [REFUSED[name] for name in ("another file", "a copy", "an extension")])
def test_a_database_that_may_be_written_leads_to_no_other_file(tmp_path: Path, statement: str) -> None:
    bench = Bench(tmp_path, "[tools.sql]\nwrite = true")

    assert bench.says("sql", statement="UPDATE sales SET sum = 5") == "Done; 2 rows changed."
    assert not bench.call("sql", statement=statement.format(root=bench.root)).ok


def test_a_statement_without_end_is_ended(bench: Bench) -> None:
    from tinderbox.agents.sql import ask
    from tinderbox.errors import BadRequest

    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    with pytest.raises(BadRequest, match=r"it took longer than 0.2 s"):
        ask(bench.root / "shop.db", endless, seconds=0.2)


def test_what_is_no_database_is_told(bench: Bench) -> None:
    (bench.root / "shop.db").write_text("no database at all, but long enough to be looked at as if it were one" * 20)

    assert "shop.db cannot be read: file is not a database." in bench.tool("sql").description
    assert not bench.call("sql", statement="SELECT 1 FROM sales").ok


def test_rows_are_bounded(bench: Bench) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"

    assert "[The first 200 rows; there are more." in bench.says("sql", statement=many)


def test_a_database_that_has_become_a_link_is_not_opened(bench: Bench) -> None:
    (bench.root / "shop.db").rename(bench.root / "moved.db")
    (bench.root / "shop.db").symlink_to(bench.root / "moved.db")

    assert "links are not followed" in bench.says("sql", statement="SELECT 1")


def asking(tmp_path: Path, web: Web, *, private: bool = True) -> Bench:
    host = web.url.removeprefix("http://")
    return Bench(tmp_path, f'[tools.http]\nhosts = ["{host}"]\nprivate = {str(private).lower()}')


def test_a_named_host_is_asked(tmp_path: Path) -> None:
    with serving() as web:
        web.put("/x", b"here")
        told = asking(tmp_path, web).says("http_get", url=f"{web.url}/x")

    assert told.endswith("\nhere")


def test_no_other_host_is_asked(tmp_path: Path) -> None:
    with serving() as web, serving() as other:
        web.resources["/away"] = Resource(b"", {"Location": f"{other.url}/x"}, 302)
        bench = asking(tmp_path, web)
        straight, around = (bench.says("http_get", url=url) for url in (f"{other.url}/x", f"{web.url}/away"))

    assert "is no host that may be asked" in straight
    assert "is no host that may be asked" in around
    assert other.asked == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "no address", "http://me:word@127.0.0.1/"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with serving() as web:
        assert "is no address" in asking(tmp_path, web).says("http_get", url=url)


def test_an_address_of_ones_own_network_has_to_be_meant(tmp_path: Path) -> None:
    with serving() as web:
        told = asking(tmp_path, web, private=False).says("http_get", url=f"{web.url}/x")

    assert "into a private network" in told
    assert "private = true" in told
    assert web.asked == []

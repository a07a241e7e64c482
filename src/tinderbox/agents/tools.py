"""`Tool`: a function that a model may call, with a schema of its arguments. What it tells is always a text.

A call never raises for what the model did: wrong arguments, a path that leads out, a file that is not there come back
as a sentence to act on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tinderbox.agents import code, files, http, sql
from tinderbox.agents.arguments import number, read_arguments, schema_of, text
from tinderbox.agents.definition import Definition
from tinderbox.agents.desk import Desk
from tinderbox.agents.mcp_client import Server, about, fit_name
from tinderbox.agents.outside import Outside
from tinderbox.agents.search import Shelf, search
from tinderbox.agents.settings import Files, Http, Mcp, Python, Search, Shell, Sql, ToolSettings
from tinderbox.errors import TinderboxError

_PATH = "A path like notes/plan.md, beginning with a folder's name, or a name in the scratch folder."
_LONGEST_SCHEMA = 2000  # characters of a database's tables that a description holds


@dataclass(frozen=True, slots=True)
class Tool:
    """`of` is the table of the agent's file that it comes from; `asks` whether a person is asked before it acts;
    `repeats` whether what was done twice is as if it had been done once."""

    name: str
    of: str
    description: str
    parameters: Mapping[str, Any]
    act: Callable[..., str]
    asks: bool = False
    repeats: bool = False

    def as_function(self) -> dict[str, Any]:
        """As the chat API describes it."""
        about = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": about}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`ok` says whether the tool did what it was asked."""

    text: str
    ok: bool


def call(tool: Tool, given: object, desk: Desk) -> Outcome:
    """Check the arguments, act, and cut what came of it to what the model is told."""
    try:
        arguments = read_arguments(given, tool.parameters)
        return Outcome(desk.cut(tool.act(**arguments)), ok=True)
    except TinderboxError as error:
        return Outcome(desk.cut(str(error)), ok=False)
    except OSError as error:
        return Outcome(f"It failed: {error.strerror or error}.", ok=False)


def make_tools(agent: Definition, desk: Desk, *, sandbox: bool, outside: Outside | None = None) -> list[Tool]:
    """What the agent may call. Without the sandbox, nothing that runs code is among it; without `outside`, nothing that
    needs more than the desk."""
    made = []
    for settings in agent.tools:
        found = _tools_of(settings, desk) if outside is None else _all_tools_of(settings, agent, desk, outside)
        for tool in found:
            if sandbox or not isinstance(settings, Python | Shell):
                made.append(_asking(tool, agent))
    return made


def _asking(tool: Tool, agent: Definition) -> Tool:
    return replace(tool, asks=agent.asks(tool.of, tool.name))


def _tools_of(settings: ToolSettings, desk: Desk) -> Iterator[Tool]:
    match settings:
        case Files():
            yield from _file_tools(settings, desk.within(settings.folders))
        case Python():
            yield _python(settings, desk.within(settings.folders))
        case Shell():
            yield _shell(settings, desk.within(settings.folders))
        case Sql():
            yield _sql(settings)
        case Http():
            yield from _http(settings)


def _all_tools_of(settings: ToolSettings, agent: Definition, desk: Desk, outside: Outside) -> Iterator[Tool]:
    match settings:
        case Search():
            yield _search(settings, agent, desk.within(settings.folders), outside)
        case Mcp():
            yield from _mcp(settings, desk, outside)
        case _:
            yield from _tools_of(settings, desk)


def _file_tools(settings: Files, desk: Desk) -> Iterator[Tool]:
    path = text(_PATH)
    actions: dict[str, tuple[str, dict[str, Any], Callable[..., str]]] = {
        "list": ("List the files of a folder; without a path, the folders.", schema_of(path=path), files.list_files),
        "read": (
            "Read a text file.",
            schema_of(
                ("path",),
                path=path,
                first_line=number("The first line to read.", 1, 10**9, 1),
                lines=number("How many lines to read.", 1, 2000, 200),
            ),
            files.read_file,
        ),
        "search": (
            "Find the lines of files that hold some words.",
            schema_of(("words",), words=text("What to look for, as it is written."), path=path),
            files.search_files,
        ),
        "write": (
            "Write a text file as a whole.",
            schema_of(("path", "content"), path=path, content=text("All of the file's text.")),
            files.write_file,
        ),
        "edit": (
            "Replace one place in a text file.",
            schema_of(
                ("path", "old", "new"),
                path=path,
                old=text("The text to replace, exactly as it stands in the file, and only once."),
                new=text("What to put there."),
            ),
            files.edit_file,
        ),
    }
    for action, (description, parameters, act) in actions.items():
        of, repeats = settings.name, action != "edit"
        yield Tool(f"{of}_{action}", of, description, parameters, partial(act, desk), repeats=repeats)


def _python(settings: Python, desk: Desk) -> Tool:
    description = f"Run Python and return what it prints. Files: {_places(desk)}. There is no network."
    parameters = schema_of(("code",), code=text("The program. Print what you want to see."))
    return Tool(settings.name, settings.name, description, parameters, partial(code.run_python, desk))


def _shell(settings: Shell, desk: Desk) -> Tool:
    description = f"Run a shell command and return what it prints. Files: {_places(desk)}. There is no network."
    parameters = schema_of(("command",), command=text("The command, for sh."))
    return Tool(settings.name, settings.name, description, parameters, partial(code.run_shell, desk))


def _sql(settings: Sql) -> Tool:
    try:
        tables = sql.describe(settings.file)[:_LONGEST_SCHEMA]
    except TinderboxError as error:
        tables = error.what
    rights = "to read and write" if settings.write else "to read"
    parameters = schema_of(("statement",), statement=text("One SQL statement, for SQLite."))
    act = partial(sql.ask, settings.file, write=settings.write)
    description = f"Ask the database {settings.file.name}, {rights}. Tables:\n{tables}"
    return Tool(settings.name, settings.name, description, parameters, act, repeats=not settings.write)


def _http(settings: Http) -> Iterator[Tool]:
    hosts = ", ".join(settings.hosts)
    url = text("The whole address, like https://host/path.")
    asked = schema_of(("url",), url=url)
    sent = schema_of(("url", "body"), url=url, body=text("What to send: JSON, or a text."))
    for action, description, parameters, act in (
        ("get", f"Fetch an address. Only of: {hosts}.", asked, http.get),
        ("post", f"Send something to an address. Only of: {hosts}.", sent, http.post),
    ):
        of, repeats = settings.name, action == "get"
        yield Tool(f"{of}_{action}", of, description, parameters, partial(act, settings), repeats=repeats)


def _search(settings: Search, agent: Definition, desk: Desk, outside: Outside) -> Tool:
    model = agent.model if settings.model is None else settings.model
    shelf = Shelf(outside.indices / agent.name / f"{settings.name}.db", model, outside.embed if model else None)
    named = ", ".join(f"{folder.name}/" for folder in desk.folders)
    parameters = schema_of(
        ("question",),
        question=text("What you want to know, in a sentence, with the words that may stand there."),
        passages=number("How many passages to show.", 1, 20, 5),
    )
    description = f"Find the passages of documents that answer a question, each with its place. Documents: {named}."
    return Tool(settings.name, settings.name, description, parameters, partial(search, desk, shelf), repeats=True)


def _mcp(settings: Mcp, desk: Desk, outside: Outside) -> Iterator[Tool]:
    """The server's tools; where it cannot be had, one that says so, since the run may do without."""
    server = Server(settings, desk.scratch.path)
    outside.closing.callback(server.close)
    try:
        listed = {fit_name(settings, tool.name): tool for tool in server.tools()}
    except TinderboxError as error:
        description = f"Tools of a server that are not there now: {error.what}"
        yield Tool(settings.name, settings.name, description, schema_of(), partial(_refuse, error))
        return
    for name, tool in listed.items():
        yield Tool(name, settings.name, about(tool), tool.input_schema, partial(server.call, tool.name))


def _refuse(error: TinderboxError) -> str:
    raise error


def _places(desk: Desk) -> str:
    named = [f"{folder.name}/ ({'read and write' if folder.write else 'read'})" for folder in desk.folders]
    return ", ".join([*named, "the current folder (read and write)"])

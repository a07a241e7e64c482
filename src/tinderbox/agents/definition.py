"""`Definition`: an agent as a person wrote it, in `agents/NAME.toml` under the home folder.

A file is read strictly: what is not known is refused with the file, the line and the nearest known name, because a
limit that was misspelt would be a limit that does not hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tinderbox.agents.folder import Folder
from tinderbox.agents.settings import (
    KINDS,
    LIMITS,
    Limits,
    Read,
    ToolSettings,
    actions_of,
    harmful,
    read_folder,
    read_names,
    read_text,
)
from tinderbox.errors import NotFound, WrongUsage, did_you_mean
from tinderbox.lines import Key, find_lines, line_of

FOLDER = "agents"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KEYS = ("model", "instructions", "approval", "folders", "tools", "limits")
_OWN_NAMES = ("scratch", "results")


@dataclass(frozen=True, slots=True)
class Definition:
    """`approval` names what asks a person before it acts: tools, or single actions of them."""

    name: str
    file: Path
    model: str
    instructions: str
    folders: tuple[Folder, ...]
    tools: tuple[ToolSettings, ...]
    limits: Limits
    approval: tuple[str, ...]
    lines: Mapping[Key, int] = field(default_factory=dict, repr=False)

    def refuse(self, key: Key, what: str, remedy: str = "") -> WrongUsage:
        """An error about one key of the file, for whoever finds out later that it is wrong."""
        return _refusal(self.file, self.lines, key, what, remedy)

    def asks(self, tool: str, action: str) -> bool:
        """Whether a person is asked before this action of a tool."""
        return tool in self.approval or action in self.approval

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "file": str(self.file),
            "model": self.model,
            "instructions": self.instructions,
            "folders": [{"name": f.name, "path": str(f.path), "write": f.write} for f in self.folders],
            "tools": [{"kind": tool.kind, **_plain(asdict(tool))} for tool in self.tools],
            "limits": asdict(self.limits),
            "approval": list(self.approval),
        }


def file_of(home: Path, name: str) -> Path:
    """Where the agent of that name is, or would be. Raises WrongUsage for what is no name."""
    if not _NAME.fullmatch(name):
        raise WrongUsage(
            f"'{name}' is no name for an agent.", "Use small letters, digits, '-' and '_', beginning with a letter."
        )
    return home / FOLDER / f"{name}.toml"


def names(home: Path) -> list[str]:
    return sorted(file.stem for file in (home / FOLDER).glob("*.toml") if _NAME.fullmatch(file.stem))


def read_definition(home: Path, name: str) -> Definition:
    """Raises NotFound, with the nearest names, or WrongUsage with the line that is wrong."""
    file = file_of(home, name)
    try:
        text = file.read_text()
    except FileNotFoundError as error:
        remedy = did_you_mean(name, names(home)) or f"Write it with: tinderbox agent new {name}"
        raise NotFound(f"There is no agent '{name}'.", remedy) from error
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file} is no text: {error}.") from error
    return parse(text, name, file, home)


def parse(text: str, name: str, file: Path, home: Path) -> Definition:
    """Raises WrongUsage with the line that is wrong."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+), column \d+\)", str(error))
        at = f", line {line[1]}" if line else ""
        raise WrongUsage(f"{file}{at}: {re.sub(r' [(]at .*', '', str(error))}.", "Correct the line.") from error
    return _Reader(file, find_lines(text), home).read(name, given)


class _Reader:
    """What each part needs to say where it is wrong."""

    def __init__(self, file: Path, lines: Mapping[Key, int], home: Path) -> None:
        self.file = file
        self.lines = lines
        self.home = home

    def read(self, name: str, given: Mapping[str, Any]) -> Definition:
        self._known((), given, _KEYS, "key of an agent")
        folders = self._folders(self._table(("folders",), given))
        tools = self._tools(self._table(("tools",), given), folders)
        limits = Limits(**self._values(("limits",), self._table(("limits",), given), LIMITS, "limit"))
        if "model" not in given:
            raise WrongUsage(f"{self.file}: 'model' is missing.", 'Name one, like: model = "qwen2.5-coder:1.5b"')
        return Definition(
            name=name,
            file=self.file,
            model=self._value(("model",), given["model"], read_text),
            instructions=self._value(("instructions",), given["instructions"], read_text)
            if "instructions" in given
            else "",
            folders=folders,
            tools=tools,
            limits=limits,
            approval=self._approval(given, tools, folders),
            lines=self.lines,
        )

    def _folders(self, given: Mapping[str, Any]) -> tuple[Folder, ...]:
        made = []
        for name, value in given.items():
            key: Key = ("folders", name)
            if not _TOOL_NAME.fullmatch(name) or name in _OWN_NAMES:
                raise self._refuse(key, f"'{name}' cannot be the name of a folder.", "Use small letters, digits, '_'.")
            path, write = self._value(key, value, read_folder)
            self._keep_home_out(key, path)
            made.append(Folder(name, path, write))
        for outer in (folder for folder in made if folder.write):
            for inner in made:
                if inner is not outer and inner.path.is_relative_to(outer.path):
                    what = f"'{inner.name}' lies in '{outer.name}', which may be written."
                    raise self._refuse(("folders", inner.name), what, "Name folders that lie beside each other.")
        return tuple(made)

    def _tools(self, given: Mapping[str, Any], folders: tuple[Folder, ...]) -> tuple[ToolSettings, ...]:
        made: list[ToolSettings] = []
        for name in given:
            table = self._table(("tools", name), given, name)
            kind = table.get("kind", name)
            key: Key = ("tools", name, "kind") if "kind" in table else ("tools", name)
            if not isinstance(kind, str) or kind not in KINDS:
                raise self._refuse(key, f"'{kind}' is no tool.", _nearest(str(kind), KINDS))
            if not _TOOL_NAME.fullmatch(name):
                raise self._refuse(key, f"'{name}' cannot be a tool's name.", "Use small letters, digits, '_'.")
            tool = self._tool(name, kind, {key: value for key, value in table.items() if key != "kind"})
            self._check_tool(tool, folders)
            made.append(tool)
        return tuple(made)

    def _tool(self, name: str, kind: str, given: Mapping[str, Any]) -> ToolSettings:
        made, reads = KINDS[kind]
        values = self._values(("tools", name), given, reads, f"key of the tool '{kind}'")
        needed = [f.name for f in fields(made) if f.default is MISSING and f.name not in ("name", *values)]
        if needed:
            raise self._refuse(("tools", name), f"'{needed[0]}' is missing from the tool '{name}'.")
        tool: ToolSettings = made(name=name, **values)
        return tool

    def _check_tool(self, tool: ToolSettings, folders: tuple[Folder, ...]) -> None:
        known = [folder.name for folder in folders]
        for place, folder in enumerate(getattr(tool, "folders", None) or ()):
            if folder not in known:
                key: Key = ("tools", tool.name, "folders", place)
                raise self._refuse(key, f"'{folder}' is no folder of this agent.", _nearest(folder, known))
        if (file := getattr(tool, "file", None)) is not None:
            self._keep_home_out(("tools", tool.name, "file"), file)
            for folder in folders:
                if folder.write and file.is_relative_to(folder.path):
                    what = f"{file} lies in '{folder.name}', which may be written."
                    raise self._refuse(("tools", tool.name, "file"), what, "Name a file apart from it.")
        if (wrong := tool.wrong()) is not None:
            raise self._refuse(("tools", tool.name), wrong)

    def _approval(
        self, given: Mapping[str, Any], tools: tuple[ToolSettings, ...], folders: tuple[Folder, ...]
    ) -> tuple[str, ...]:
        if "approval" not in given:
            written = {folder.name for folder in folders if folder.write}
            return tuple(word for tool in tools for word in harmful(tool, written))
        known = [word for tool in tools for word in (tool.name, *actions_of(tool))]
        words = self._value(("approval",), given["approval"], read_names)
        for place, word in enumerate(words):
            if word not in known and not any(t.kind == "mcp" and word.startswith(f"{t.name}_") for t in tools):
                raise self._refuse(("approval", place), f"'{word}' is no tool of this agent.", _nearest(word, known))
        return tuple(words)

    def _table(self, key: Key, given: Mapping[str, Any], name: str | None = None) -> Mapping[str, Any]:
        table = given.get(name or str(key[-1]), {})
        if not isinstance(table, dict):
            raise self._refuse(key, f"'{key[-1]}' must be a table.", f"Write it as [{'.'.join(map(str, key))}].")
        return table

    def _values(self, table: Key, given: Mapping[str, Any], reads: Mapping[str, Read], of: str) -> dict[str, Any]:
        self._known(table, given, reads, of)
        return {name: self._value((*table, name), value, reads[name]) for name, value in given.items()}

    def _known(
        self, table: Key, given: Mapping[str, Any], known: Mapping[str, object] | tuple[str, ...], of: str
    ) -> None:
        for name in given:
            if name not in known:
                raise self._refuse((*table, name), f"'{name}' is no {of}.", _nearest(name, known))

    def _value(self, key: Key, value: object, read: Read) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise self._refuse(key, f"{key[-1]} = {value!r} is wrong: {error}.") from error

    def _keep_home_out(self, key: Key, path: Path) -> None:
        """The box's own files hold keys and other agents' rights: no agent reaches them."""
        real, home = path.resolve(), self.home.resolve()
        if real.is_relative_to(home) or home.is_relative_to(real):
            raise self._refuse(key, f"{path} reaches the box's own home ({self.home}).", "Name a folder apart from it.")

    def _refuse(self, key: Key, what: str, remedy: str = "") -> WrongUsage:
        return _refusal(self.file, self.lines, key, what, remedy)


def _refusal(file: Path, lines: Mapping[Key, int], key: Key, what: str, remedy: str) -> WrongUsage:
    line = line_of(lines, key)
    return WrongUsage(f"{file}{f', line {line}' if line else ''}: {what}", remedy)


def _nearest(name: str, known: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return did_you_mean(name, known) or (f"Known: {', '.join(known)}." if known else "")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}

"""What a person may set about a tool, and the limits of a run: the values, and how each is read from the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tinderbox.units import Bytes, MiB, parse_bytes

Read = Callable[[Any], Any]  # raises ValueError with what is wanted
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run. `tokens` are those that the model reads anew and writes; `memory` and `sandbox_seconds` are for the
    code that it runs."""

    steps: int = 20
    tokens: int = 50_000
    seconds: float = 600.0
    memory: Bytes = 512 * MiB
    sandbox_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """`name` is what the model calls it by."""

    kind: ClassVar[str] = ""
    name: str

    def wrong(self) -> str | None:
        """What is wrong with these values together, if anything."""
        return None


@dataclass(frozen=True, slots=True)
class Files(ToolSettings):
    """`folders` None is every one that the agent has."""

    kind: ClassVar[str] = "files"
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Python(ToolSettings):
    kind: ClassVar[str] = "python"
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Shell(ToolSettings):
    kind: ClassVar[str] = "shell"
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Search(ToolSettings):
    """`model` makes the vectors by which passages are found; without it the agent's own does, with "" none."""

    kind: ClassVar[str] = "search"
    folders: tuple[str, ...] | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Sql(ToolSettings):
    kind: ClassVar[str] = "sql"
    file: Path
    write: bool = False


@dataclass(frozen=True, slots=True)
class Http(ToolSettings):
    """`hosts` are asked on the usual ports, or on the one that is named; `private` allows addresses of theirs that are
    not of the public internet."""

    kind: ClassVar[str] = "http"
    hosts: tuple[str, ...]
    private: bool = False

    def wrong(self) -> str | None:
        return None if self.hosts else "'hosts' names no host."


@dataclass(frozen=True, slots=True)
class Mcp(ToolSettings):
    kind: ClassVar[str] = "mcp"
    command: tuple[str, ...] = ()
    url: str = ""

    def wrong(self) -> str | None:
        return None if bool(self.command) != bool(self.url) else "A server has either a 'command' or a 'url'."


@dataclass(frozen=True, slots=True)
class Agent(ToolSettings):
    kind: ClassVar[str] = "agent"
    agent: str


def read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text is wanted")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is wanted")
    return value


def read_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise ValueError('a list of words is wanted, like ["one", "two"]')
    return tuple(value)


def read_folder(value: object) -> tuple[Path, bool]:
    """`"~/notes"`, or `{ path = "~/notes", write = true }`."""
    table = value if isinstance(value, dict) else {"path": value}
    if unknown := [key for key in table if key not in ("path", "write")]:
        raise ValueError(f"'{unknown[0]}' is not known; a folder has a path, and write")
    return _path(table.get("path")), _yes(table.get("write", False))


def _path(value: object) -> Path:
    path = Path(read_text(value)).expanduser()
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ValueError("a path is wanted that begins with / or ~, and is not / itself")
    return path


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")
    return value


def _hosts(value: object) -> tuple[str, ...]:
    hosts = read_names(value)
    if wrong := [host for host in hosts if not _HOST.fullmatch(host)]:
        raise ValueError(f"'{wrong[0]}' is no host; write only its name, like api.example.org, or with a port")
    return tuple(host.lower() for host in hosts)


def _number(low: float, high: float, *, whole: bool) -> Read:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise ValueError("a whole number is wanted" if whole else "a number is wanted")
        if not low <= value <= high:
            raise ValueError(f"it must lie between {low:g} and {high:g}")
        return value

    return read


def _memory(value: object) -> Bytes:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('bytes are wanted, like 536870912 or "512MiB"')
    held = parse_bytes(str(value))
    if held < 32 * MiB:
        raise ValueError("an interpreter needs 32 MiB")
    return held


LIMITS: Mapping[str, Read] = {
    "steps": _number(1, 10_000, whole=True),
    "tokens": _number(100, 1e9, whole=True),
    "seconds": _number(1, 604_800, whole=False),
    "memory": _memory,
    "sandbox_seconds": _number(1, 86_400, whole=False),
}
_WITH_FOLDERS: Mapping[str, Read] = {"folders": read_names}
KINDS: Mapping[str, tuple[type[Any], Mapping[str, Read]]] = {
    "files": (Files, _WITH_FOLDERS),
    "python": (Python, _WITH_FOLDERS),
    "shell": (Shell, _WITH_FOLDERS),
    "search": (Search, {**_WITH_FOLDERS, "model": _word}),
    "sql": (Sql, {"file": _path, "write": _yes}),
    "http": (Http, {"hosts": _hosts, "private": _yes}),
    "mcp": (Mcp, {"command": read_names, "url": read_text}),
    "agent": (Agent, {"agent": read_text}),
}
_ACTIONS = {"files": ("list", "read", "search", "write", "edit"), "http": ("get", "post")}


def actions_of(tool: ToolSettings) -> list[str]:
    """The functions that the model sees: `files_read`, or the tool's own name where it does one thing."""
    return [f"{tool.name}_{action}" for action in _ACTIONS.get(tool.kind, ())] or [tool.name]


def harmful(tool: ToolSettings, written: Set[str]) -> list[str]:
    """What asks a person first unless the file says otherwise: whatever may change something that is not the run's own,
    or send something away. `written` are the folders that may be changed."""
    match tool:
        case Files(name, folders) if written & set(folders or written):
            return [f"{name}_write", f"{name}_edit"]
        case Python(name, folders) | Shell(name, folders) if written & set(folders or written):
            return [name]
        case Http(name):
            return [f"{name}_post"]
        case Sql(name, write=True) | Mcp(name):
            return [name]
        case _:
            return []

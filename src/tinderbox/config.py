"""`Config`: what a person set, read once at the edge and passed down.

Flags win over the environment, the environment over the file.

The file is `config.toml` in the home folder; a variable is the key in capitals behind `TINDERBOX_` (`TINDERBOX_PORT`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tinderbox.errors import WrongUsage, did_you_mean
from tinderbox.units import Bytes, GiB, parse_bytes

Origin = Literal["default", "file", "environment", "flag"]
HOME_VARIABLE = "TINDERBOX_HOME"


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the box; `origins` says where each value that is no default came from.

    `context` is in tokens for each of the `parallel` requests that a model answers at once; `memory` caps what the box
    may use (None: what the machine has); `drain` is how many seconds running answers get to end when the box stops,
    `wait` how many a request waits for memory, `idle` after how many an unused model leaves by itself (0: only when its
    room is needed); `threads` None means one a physical core; `caches` is what saved conversations may take of the disk
    (0: none). `cert` and `cert_key` are the files of TLS; `behind_proxy` says that a proxy does it. `allow_hosts` are
    names under which the box is reached, `allow_origins` pages of others that may use it, `allow_fetch` hosts,
    addresses and networks of one's own that a request may have a model fetched from. `control_groups` false leaves
    models to a watch. `traces` is where a span for each answer goes (OTLP over HTTP).
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8910
    context: int = 8192
    parallel: int = 4
    threads: int | None = None
    memory: Bytes | None = None
    drain: float = 30.0
    caches: Bytes = 8 * GiB
    cert: Path | None = None
    cert_key: Path | None = None
    behind_proxy: bool = False
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    allow_fetch: tuple[str, ...] = ()
    wait: float = 60.0
    idle: float = 0.0
    control_groups: bool = True
    traces: str | None = None
    origins: tuple[tuple[str, Origin], ...] = ()

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.cert else 'http'}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def is_reachable(self) -> bool:
        """Whether anybody but this machine can speak to the box."""
        return self.behind_proxy or not self.is_loopback

    @property
    def given(self) -> str:
        """Every setting that somebody set, in words."""
        values = ((key, getattr(self, key)) for key, _ in self.origins)
        return ", ".join(f"{key} = {' '.join(value) if isinstance(value, tuple) else value}" for key, value in values)

    def origin(self, key: str) -> Origin:
        return dict(self.origins).get(key, "default")


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("a whole number is wanted")
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"it must lie between {low} and {high}")
        return number

    return read


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not 0 <= float(value) <= 3600:
        raise ValueError("seconds between 0 and 3600 are wanted")
    return float(value)


def _bytes(value: object) -> Bytes:
    return parse_bytes(str(value))


def _day(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not 0 <= float(value) <= 86400:
        raise ValueError("seconds between 0 and 86400 are wanted")
    return float(value)


def _host(value: object) -> str:
    if not isinstance(value, str) or not value or "/" in value or value != value.strip():
        raise ValueError("a host name or address is wanted")
    return value


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("a path is wanted")
    return Path(value).expanduser().absolute()


def _web_address(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or value != value.strip():
        raise ValueError("an address like http://127.0.0.1:4318 is wanted")
    return value


def _yes(value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError("true or false is wanted")
    return words[str(value).lower()]


def _words(value: object) -> tuple[str, ...]:
    """A list of the file, or words with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of words is wanted")
    return tuple(word for part in parts if (word := part.strip()))


_READ: Mapping[str, Callable[[Any], object]] = {
    "host": _host,
    "port": _whole(0, 65535),
    "context": _whole(256, 16_777_216),
    "parallel": _whole(1, 256),
    "threads": _whole(1, 1024),
    "memory": _bytes,
    "drain": _seconds,
    "caches": _bytes,
    "cert": _path,
    "cert_key": _path,
    "behind_proxy": _yes,
    "allow_hosts": _words,
    "allow_origins": _words,
    "allow_fetch": _words,
    "wait": _seconds,
    "idle": _day,
    "control_groups": _yes,
    "traces": _web_address,
}


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`TINDERBOX_HOME`, or `~/.tinderbox`."""
    return Path(environment.get(HOME_VARIABLE) or Path.home() / ".tinderbox").expanduser().absolute()


def read_config(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """The settings in force. A flag that is None was not given. Raises WrongUsage for an unknown key or wrong value."""
    home = home_folder(environment)
    sources: list[tuple[Origin, str, Mapping[str, object]]] = [
        ("file", str(home / "config.toml"), _read_file(home / "config.toml")),
        ("environment", "the environment", _read_environment(environment)),
        ("flag", "the command line", {key: value for key, value in (flags or {}).items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for origin, where, given in sources:
        for key, value in given.items():
            values[key] = _read_value(key, value, where)
            origins[key] = origin
    return Config(home=home, **values, origins=tuple(sorted(origins.items())))


def _read_value(key: str, value: object, where: str) -> object:
    if key not in _READ:
        known = [field.name for field in fields(Config) if field.name in _READ]
        remedy = did_you_mean(key, known) or f"Known: {', '.join(known)}."
        raise WrongUsage(f"'{key}' in {where} is no setting.", remedy)
    try:
        return _READ[key](value)
    except ValueError as error:
        raise WrongUsage(f"{key} = {value!r} in {where} is wrong: {error}.") from error


def _read_file(path: Path) -> Mapping[str, object]:
    import tomllib  # here: most commands need no more of this module than where the home is

    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read: {error}.", "Correct the line or remove the file.") from error


def _read_environment(environment: Mapping[str, str]) -> Mapping[str, object]:
    given = {key.removeprefix("TINDERBOX_").lower(): value for key, value in environment.items()}
    return {key: given[key] for key in _READ if f"TINDERBOX_{key.upper()}" in environment}

"""`Recipe`: everything about a run, from a TOML file, from options, or from a request. It is written beside the result,
so that the same run can be made again.

A file is read strictly: what is not known is refused with the file, the line and the nearest known name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import ceil
from pathlib import Path
from typing import Any

from tinderbox.errors import BadRequest, NotFound, WrongUsage, did_you_mean
from tinderbox.lines import find_lines, line_of

METHODS = ("lora", "qlora", "full", "dpo")
SCHEDULES = ("cosine", "linear", "constant")
_RATES = {"lora": 2e-4, "qlora": 2e-4, "full": 2e-5, "dpo": 5e-5}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PATHS = ("data", "held_out_data")

Read = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`model` is fine-tuned on `data` and becomes `MODEL+NAME`.

    A step learns from `batch` examples, computed in rows of at most `row` tokens; without `packing` each example is a
    row of its own. `held_out` is the share of the examples that is only asked, `held_out_data` a file of such.
    `length` is the most tokens of an example (None: the model's context). `rank`, `alpha` and `dropout` are the
    adapter's; `beta` is DPO's. With `merge` the whole model is written beside the adapter, in 16 bits.
    """

    model: str
    data: str
    name: str
    method: str = "lora"
    held_out: float = 0.05
    held_out_data: str | None = None
    epochs: float = 3.0
    steps: int | None = None
    batch: int = 8
    rate: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    beta: float = 0.1
    length: int | None = None
    row: int = 1024
    packing: bool = True
    recompute: bool = False
    template: bool = True
    merge: bool = False
    seed: int = 0
    save_every: float = 120.0
    keep: int = 2

    @property
    def peak_rate(self) -> float:
        """The learning rate after the warm-up."""
        return self.rate if self.rate is not None else _RATES[self.method]

    @property
    def trains_adapter(self) -> bool:
        return self.method != "full"

    def steps_for(self, examples: int) -> int:
        """How many steps the run has over so many examples."""
        return self.steps or max(1, ceil(self.epochs * examples / self.batch))


def read_recipe(file: Path) -> dict[str, Any]:
    """What a recipe file says, each value checked; paths lie beside the file. Raises NotFound and WrongUsage."""
    try:
        text = file.read_text()
    except FileNotFoundError as error:
        raise NotFound(f"There is no recipe {file}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}.") from error
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+), column \d+\)", str(error))
        at = f", line {line[1]}" if line else ""
        raise WrongUsage(f"{file}{at}: {re.sub(r' [(]at .*', '', str(error))}.", "Correct the line.") from error
    lines = find_lines(text)
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            values[key] = _checked(key, value)
        except BadRequest as error:
            raise WrongUsage(f"{file}, line {line_of(lines, (key,))}: {error.what}", error.remedy) from error
        if key in _PATHS:
            values[key] = str((file.parent / Path(values[key]).expanduser()).absolute())
    return values


def make_recipe(given: Mapping[str, Any]) -> Recipe:
    """The recipe that these values make, None being what is left out. Raises BadRequest, which names the value."""
    values = {key: _checked(key, value) for key, value in given.items() if value is not None}
    for key in ("model", "data", "name"):
        if key not in values:
            raise BadRequest(f"'{key}' is missing.", "", key)
    return Recipe(**values)


def as_toml(recipe: Recipe, about: Mapping[str, str]) -> str:
    """A file that `read_recipe` reads; `about` stands above it as comments."""
    comments = [f"# {key}: {value}" for key, value in about.items()]
    values = [f"{key} = {_toml(value)}" for key, value in asdict(recipe).items() if value is not None]
    return "\n".join([*comments, *values]) + "\n"


def with_rate(recipe: Recipe) -> Recipe:
    """The recipe with what follows from its method written out."""
    return replace(recipe, rate=recipe.peak_rate)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        import json

        return json.dumps(value)  # a JSON text is a TOML text
    return repr(value)


def _checked(key: str, value: object) -> Any:
    if key not in _READS:
        raise BadRequest(f"'{key}' is nothing that a recipe has.", did_you_mean(key, _READS), key)
    try:
        return _READS[key](value)
    except ValueError as error:
        raise BadRequest(f"{key} = {value!r} is wrong: {error}.", "", key) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is wanted")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("use small letters, digits, '.', '-' and '_', beginning with a letter or digit")
    return value


def _one_of(known: tuple[str, ...]) -> Read:
    def read(value: object) -> str:
        if value not in known:
            raise ValueError(did_you_mean(str(value), known).rstrip("?") or f"it is one of {', '.join(known)}")
        return str(value)

    return read


def _whole(low: int, high: int) -> Read:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high} is wanted")
        return value

    return read


def _number(low: float, high: float) -> Read:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g} is wanted")
        return float(value)

    return read


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")
    return value


_READS: Mapping[str, Read] = {
    "model": _text,
    "data": _text,
    "name": _name,
    "method": _one_of(METHODS),
    "held_out": _number(0, 0.5),
    "held_out_data": _text,
    "epochs": _number(0.01, 1000),
    "steps": _whole(1, 10_000_000),
    "batch": _whole(1, 4096),
    "rate": _number(1e-8, 1),
    "schedule": _one_of(SCHEDULES),
    "warmup": _number(0, 1),
    "weight_decay": _number(0, 1),
    "clip": _number(1e-6, 1e6),
    "rank": _whole(1, 512),
    "alpha": _number(1e-3, 4096),
    "dropout": _number(0, 0.9),
    "beta": _number(1e-3, 10),
    "length": _whole(2, 1 << 22),
    "row": _whole(16, 1 << 22),
    "packing": _yes,
    "recompute": _yes,
    "template": _yes,
    "merge": _yes,
    "seed": _whole(0, 2**31 - 1),
    "save_every": _number(0, 86_400),
    "keep": _whole(1, 100),
}
assert set(_READS) == {field.name for field in fields(Recipe)}  # noqa: S101  (each is read, and nothing else)

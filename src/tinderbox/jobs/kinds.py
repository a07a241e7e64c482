"""The kinds of jobs: what each is asked for, how it is checked before it is taken, and how its process is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinderbox.errors import BadRequest, Conflict, DoesNotFit, WrongUsage, did_you_mean
from tinderbox.jobs.process import Work
from tinderbox.models.name import AdapterName, CatalogueName, FileName, HubName, Name, parse
from tinderbox.units import Bytes, MiB, format_bytes

if TYPE_CHECKING:
    from tinderbox.models.card import Card
    from tinderbox.models.store import Store, Stored

# What a job with those arguments has to do, in a folder of its own; asked before the job is taken, and at each start.
Kind = Callable[[Mapping[str, Any], Path], Work]

DEPTHS, PROMPT, REPLY = "0,1024,4096", 512, 32  # of a bench that says nothing else: tokens
_PYTHON = 80 * MiB  # of a process of ours, without what it works on
_PER_THREAD = 16 * (1 << 19)  # bytes that a thread of the quantiser holds: an old, a new and a whole form of its part
_SPARE = 64 * MiB  # of the disk


def known_kinds(home: Path, threads: int) -> Mapping[str, Kind]:
    """The kinds that this box knows; `threads` is how many its cores can run."""
    from tinderbox.models.store import Store

    store = Store(home)
    return {"bench": partial(bench, store, threads), "quantise": partial(quantise, store, threads)}


def quantise(store: Store, threads: int, arguments: Mapping[str, Any], folder: Path) -> Work:
    """A stored model in another type, under a name of its own: `model`, `type`, `name`, `requantise`.

    Raises NotFound, WrongUsage, Conflict and DoesNotFit for what cannot be done.
    """
    from tinderbox.jobs.layout import lay_out

    check_arguments(arguments, {"model": str, "type": str, "name": str, "requantise": bool}, required=("model", "type"))
    stored, mix = store.find(arguments["model"]), read_mix(arguments["type"])
    _check_source(stored, mix, requantise=bool(arguments.get("requantise")))
    name = _free_name(store, arguments.get("name") or default_name(parse(stored.name), mix))
    check_disk(store.home, lay_out(stored.path, stored.card(), mix).size, folder)
    orders = {
        "home": str(store.home),
        "model": stored.name,
        "path": str(stored.path),
        "name": name,
        "type": mix,
        "threads": threads,
    }
    command = (sys.executable, "-m", "tinderbox.jobs.quantiser")
    return Work(command, _PYTHON + threads * _PER_THREAD, orders)


def bench(store: Store, threads: int, arguments: Mapping[str, Any], folder: Path) -> Work:
    """`tinderbox bench` with an engine of its own: `model`, `depths` (text like `0,1024`), `prompt`, `reply`."""
    check_arguments(arguments, {"model": str, "depths": str, "prompt": int, "reply": int}, required=("model",))
    stored = store.find(arguments["model"])
    depths: str = arguments.get("depths") or DEPTHS
    prompt, reply = int(arguments.get("prompt") or PROMPT), int(arguments.get("reply") or REPLY)
    context = longest(stored.name, stored.card(), read_depths(depths), (prompt, reply))
    words = ("--depths", depths, "--prompt", str(prompt), "--reply", str(reply), "--as-job")
    command = (sys.executable, "-m", "tinderbox", "bench", stored.name, *words)
    return Work(command, _PYTHON + _engine(store, stored, context, threads))


def read_mix(text: str) -> str:
    """`q4_0` as llama.cpp writes it. Raises WrongUsage with the nearest, or with all there are."""
    from tinderbox.jobs.layout import MIXES

    mix = text.upper()
    if mix not in MIXES:
        raise WrongUsage(
            f"'{text}' is no type to quantise to.", did_you_mean(mix, MIXES) or f"There are {_list(MIXES)}."
        )
    return mix


def read_depths(text: str) -> list[int]:
    """`0,1024` as numbers, sorted, each once. Raises WrongUsage."""
    try:
        depths = sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise WrongUsage(f"--depths is a list of numbers like {DEPTHS}, not '{text}'.") from error
    if depths[0] < 0:
        raise WrongUsage(f"--depths must not be negative, but one is {depths[0]}.")
    return depths


def longest(name: str, card: Card, depths: list[int], lengths: tuple[int, int]) -> int:
    """The context in tokens that these depths need. Raises WrongUsage where the model was trained for less."""
    if min(lengths) < 1:
        raise WrongUsage("--prompt and --reply must be at least 1.")
    tokens = max(depths) + sum(lengths) + 1
    if card.context_length and tokens > card.context_length:
        raise WrongUsage(f"{name} was trained for {card.context_length} tokens; {tokens} are too many.")
    return tokens


def default_name(source: Name, mix: str) -> str:
    """`smollm2:135m` in Q4_0 is `smollm2:135m-q4_0`."""
    word = mix.lower()
    match source:
        case CatalogueName(family, tag):
            return f"{family}:{tag}-{word}" if tag else f"{family}:{word}"
        case HubName(repository, _):
            return f"{repository.rpartition('/')[2].lower()}:{word}"
        case FileName():
            return f"{source.own_name}:{word}"
        case AdapterName(base, name):
            return f"{default_name(base, name)}-{word}"
        case _:
            return f"{FileName(Path(source.file)).own_name}:{word}"


def check_arguments(arguments: Mapping[str, Any], known: Mapping[str, type], required: tuple[str, ...]) -> None:
    """Raises BadRequest for what is not known, of another type, or missing."""
    for key, value in arguments.items():
        if key not in known:
            near = did_you_mean(key, known) or f"Known: {_list(known)}."
            raise BadRequest(f"'{key}' is nothing that such a job takes.", near, key)
        if value is not None and type(value) is not known[key]:
            raise BadRequest(f"'{key}' is wrong: {value!r} is no {known[key].__name__}.", "", key)
    for key in required:
        if not arguments.get(key):
            raise BadRequest(f"'{key}' is missing.", "", key)


def _check_source(stored: Stored, mix: str, *, requantise: bool) -> None:
    from tinderbox.jobs.layout import WHOLE

    card = stored.card()
    if stored.base is not None:
        raise WrongUsage(
            f"{stored.name} is an adapter; what is quantised must be a whole model.",
            f"Quantise its base, {stored.base.name}.",
        )
    if len(stored.files) > 1:
        raise WrongUsage(f"{stored.name} lies in {len(stored.files)} shards; what is quantised must be a single file.")
    if card.quantisation == mix:
        raise WrongUsage(f"{stored.name} is {mix} already.")
    if not requantise and (lossy := [kind for kind in card.types if kind not in WHOLE]):
        raise WrongUsage(
            f"{stored.name} is quantised already ({_list(lossy)}); doing so again loses more than starting from F16.",
            "Take a 16-bit model, or say --requantise.",
        )


def _free_name(store: Store, name: str) -> str:
    wanted = parse(name)
    if not isinstance(wanted, CatalogueName):
        raise WrongUsage(f"'{name}' says where a model comes from.", "Choose a name like mine:q4_0 with --name.")
    if store.get(wanted) is not None and str(wanted) in {model.name for model in store.models()}:
        raise Conflict(f"There is a model '{wanted}' already.", "Choose another name with --name, or remove it first.")
    return str(wanted)


def check_disk(home: Path, size: Bytes, folder: Path) -> None:
    """That the rest of a file of `size` has room beside what the folder holds of it. Raises DoesNotFit."""
    written = sum(file.stat().st_blocks * 512 for file in folder.glob("*"))
    free = shutil.disk_usage(home).free
    if free < size - written + _SPARE:
        what = f"The new file needs {format_bytes(size - written + _SPARE)} of disk; {format_bytes(free)} is free."
        raise DoesNotFit(what, f"Free some on the disk of {home}.")


def _engine(store: Store, stored: Stored, context: int, threads: int) -> Bytes:
    """The memory of an engine that serves one sequence of that many tokens."""
    from tinderbox.engines.engine import Settings
    from tinderbox.engines.llamacpp import as_planned
    from tinderbox.learning import correct_load
    from tinderbox.plan.footprint import footprint

    settings = Settings(stored.name, stored.path, context, parallel=1, threads=threads)
    total = footprint(stored.card(), as_planned(settings)).total
    return correct_load(store.home, stored.name, "llama.cpp", context, 1, total)


def _list(words: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(words)

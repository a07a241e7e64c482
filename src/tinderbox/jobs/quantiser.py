"""Quantising a model in a process of its own: `python -m tinderbox.jobs.quantiser`. Only this module of the jobs knows
the binding.

It reads one JSON line of orders from standard input and writes JSON lines (process.py) to standard output. The weights
pass through llama.cpp's own kernels a piece of a tensor at a time, so that what it holds does not grow with the model.
Whole tensors are kept when it is ended early, and the next start goes on behind them.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tinderbox.errors import EngineFailed, TinderboxError
from tinderbox.jobs.layout import Layout, Piece, lay_out
from tinderbox.models.content import digest
from tinderbox.models.ggml import TYPES
from tinderbox.models.gguf import read_card
from tinderbox.models.name import parse
from tinderbox.models.quantisation import bytes_of
from tinderbox.models.store import Blob, Store
from tinderbox.units import Bytes

AT_ONCE = 1 << 19  # elements of a tensor that one thread holds
TELL_EVERY = 1.0  # seconds
_NUMBERS = {block.name: number for number, block in TYPES.items()}
_TO_FLOATS = {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}


class Kernels:
    """ggml's functions on rows of weights, out of the binding's library."""

    def __init__(self) -> None:
        import xllamacpp

        library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
        try:
            self._quantize, self._validate = library.ggml_quantize_chunk, library.ggml_validate_row_data
        except AttributeError as error:
            raise EngineFailed("The engine of this install has no quantiser.", "Update xllamacpp.") from error
        self._library = library
        whole = ctypes.c_int64
        self._quantize.restype = ctypes.c_size_t
        self._quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, whole, whole, whole, ctypes.c_void_p]
        self._validate.restype = ctypes.c_bool
        self._validate.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]

    def convert(self, data: bytes, tensor: str, kind: str, target: str, width: int) -> bytes:
        """Rows of `width` elements from one type to another. Raises EngineFailed where the result is no numbers."""
        count = len(data) // bytes_of(kind, width) * width
        floats = self._floats(data, kind, count)
        made = ctypes.create_string_buffer(bytes_of(target, count))
        number = _NUMBERS[target]
        written = self._quantize(number, floats, made, 0, count // width, width, None)
        if written != len(made) or not self._validate(number, made, written):
            raise EngineFailed(f"The tensor '{tensor}' cannot be made {target}: it holds what is no number.")
        return made.raw

    def _floats(self, data: bytes, kind: str, count: int) -> Any:
        floats = (ctypes.c_float * count)()
        if kind == "F32":
            ctypes.memmove(floats, data, len(data))
            return floats
        # ggml writes the last letter of `q4_K` as a capital, and all others small.
        name = _TO_FLOATS.get(kind) or "dequantize_row_" + kind.lower().replace("_k", "_K")
        try:
            row = getattr(self._library, name)
        except AttributeError as error:
            raise EngineFailed(f"The engine cannot read weights of the type {kind}.") from error
        row.restype, row.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        row(data, floats, count)
        return floats


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a tensor: where they lie and where they go, in bytes."""

    source: int
    length: Bytes
    target: int


def parts_of(piece: Piece) -> Iterator[Part]:
    width = piece.tensor.shape[0]
    rows = piece.tensor.elements // width
    step = max(1, AT_ONCE // width)
    read, written = bytes_of(piece.tensor.type, width), bytes_of(piece.kind, width)
    for row in range(0, rows, step):
        count = min(step, rows - row)
        yield Part(piece.source + row * read, count * read, piece.target + row * written)


def quantise(
    source: Path, target: Path, layout: Layout, threads: int, done: int, tell: Callable[[int, Bytes], None]
) -> None:
    """Write `target`, of which `done` pieces are there already; `tell` hears how many are, and the bytes behind them.

    What `tell` is told of may be lost if the machine stops: sync before it is relied on.
    """
    kernels = Kernels()
    with source.open("rb") as old, target.open("r+b") as new, ThreadPoolExecutor(threads) as pool:

        def convert(piece: Piece, part: Part) -> None:
            data = os.pread(old.fileno(), part.length, part.source)
            if piece.kind != piece.tensor.type:
                tensor = piece.tensor
                data = kernels.convert(data, tensor.name, tensor.type, piece.kind, tensor.shape[0])
            os.pwrite(new.fileno(), data, part.target)

        for number, piece in enumerate(layout.pieces[done:], start=done + 1):
            list(pool.map(partial(convert, piece), parts_of(piece)))
            tell(number, piece.target + piece.size)
        os.fsync(new.fileno())


def begin(target: Path, layout: Layout, done: int) -> int:
    """A file of the right size with the header in it; what an earlier start has left is kept if it is the same file."""
    if done and target.exists() and target.stat().st_size == layout.size:
        with target.open("rb") as file:
            if file.read(len(layout.header)) == layout.header:
                return done
    with target.open("wb") as file:
        file.write(layout.header)
        file.truncate(layout.size)
    return 0


def enter(store: Store, name: str, source: str, finished: Path) -> dict[str, Any]:
    """Give the finished file its place and its name. Raises Conflict where the name was taken meanwhile."""
    wanted = parse(name)
    licence = read_card(finished).licence
    sha256, size = digest(finished), finished.stat().st_size
    store.keep(finished, sha256)
    blob = Blob(f"{name.replace(':', '-')}.gguf", sha256, size)
    stored = store.enter(wanted, [blob], source=f"quantised:{source}", licence=licence)
    return {"model": stored.name, "size": stored.size, "sha256": stored.sha256}


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    try:
        _say(result=_carry_out(orders))
    except TinderboxError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename or orders['folder']}.")


def _carry_out(orders: dict[str, Any]) -> dict[str, Any]:
    source, target = Path(orders["path"]), Path(orders["folder"]) / "model.gguf"
    layout = lay_out(source, read_card(source), orders["type"])
    done = begin(target, layout, (orders["kept"] or {}).get("tensors", 0))
    heard = time.monotonic()

    def tell(number: int, reached: Bytes) -> None:
        nonlocal heard
        if time.monotonic() - heard >= TELL_EVERY:
            heard = time.monotonic()
            with target.open("rb") as file:
                os.fsync(file.fileno())
            what = f"{number} of {len(layout.pieces)} tensors"
            _say(progress=reached / layout.size, message=what, kept={"tensors": number})

    _say(progress=0.0, message=f"{done} of {len(layout.pieces)} tensors")
    quantise(source, target, layout, orders["threads"], done, tell)
    _say(progress=1.0, message="adding it to the store", kept={"tensors": len(layout.pieces)})
    return enter(Store(Path(orders["home"])), orders["name"], orders["model"], target)


def _say(**words: object) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201


def _fail(error: str) -> NoReturn:
    _say(error=error)
    sys.exit(1)


if __name__ == "__main__":
    main()

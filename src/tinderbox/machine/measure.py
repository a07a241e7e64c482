"""`measure()`: what this machine's memory and disk really give, within some seconds and a bounded part of its memory.

Memory: each thread lets the C library search a block that is larger than any cache for a byte that is not in it, which
reads all and writes nothing, and ctypes lets go of Python's lock meanwhile. That is what the processor can read;
graphics on the same memory may read more. Disk: a file that was written and forgotten by the page cache is read from
end to end. Compute is not measured: without a library of its own Python cannot keep the arithmetic units busy.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tinderbox.machine.machine import Family, Machine
from tinderbox.units import Bytes, Figure, MiB

BLOCK = 64 * MiB
BLOCKS = 512 * MiB  # all together at most, however many threads there are
CHUNK = 8 * MiB
FILE = 256 * MiB
PRESENT, ABSENT = 1, 2  # the byte that blocks are full of, and the one that is searched for


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes a second. `low` and `high` of a figure are its slowest and fastest pass."""

    memory_read: Figure
    disk_read: Figure | None


def measure(machine: Machine, folder: Path | None = None, seconds: float = 4.0, file: Bytes = FILE) -> Measured:
    """About `seconds` in all, a quarter of it for the disk that `folder` is on."""
    threads = machine.processor.threads or os.cpu_count() or 1
    available = machine.pools[-1].available or 4 * BLOCK
    block = max(CHUNK, min(BLOCK, available // (8 * threads)))
    memory = read_memory(threads, block, seconds * 0.75)
    return Measured(memory, read_disk(folder or Path(tempfile.gettempdir()), file, seconds * 0.25))


def with_measured(machine: Machine, measured: Measured) -> Machine:
    """The machine by what was measured. Graphics keep their stated bandwidth: their constants were fitted to it."""
    bandwidth = measured.memory_read if machine.family is Family.CPU else machine.bandwidth
    return replace(machine, bandwidth=bandwidth, disk_read=measured.disk_read or machine.disk_read)


def read_memory(threads: int, block: Bytes = BLOCK, seconds: float = 3.0) -> Figure:
    """Bytes a second that so many threads read together: the median of passes of a fifth of the time each."""
    block = max(CHUNK, min(block, BLOCKS // threads))
    with contextlib.ExitStack() as stack:
        blocks = [stack.enter_context(_block(block)) for _ in range(threads)]
        passes = sorted(_read_pass(blocks, block, seconds / 5) for _ in range(5))
    return Figure(passes[2], "measured", passes[0], passes[4])


def glance(threads: int, seconds: float) -> Figure:
    """The same, from a process of its own: whoever asks holds none of what is read, not even for a moment."""
    words = [sys.executable, "-m", "tinderbox.machine.measure", str(threads), str(seconds)]
    told = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    value, low, high = json.loads(told.stdout)
    return Figure(value, "measured", low, high)


@contextlib.contextmanager
def _block(size: Bytes) -> Iterator[int]:
    """An address of so many bytes that are really there: pages never written would all be the same page of zeros."""
    area = mmap.mmap(-1, size)
    view = (ctypes.c_char * size).from_buffer(area)
    ctypes.memset(view, PRESENT, size)
    try:
        yield ctypes.addressof(view)
    finally:
        del view
        area.close()


def _read_pass(blocks: list[int], size: Bytes, seconds: float) -> float:
    search = _memchr()
    totals = [0] * len(blocks)
    start = threading.Barrier(len(blocks) + 1)

    def run(index: int) -> None:
        start.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            search(blocks[index], ABSENT, size)
            totals[index] += size

    workers = [threading.Thread(target=run, args=(index,)) for index in range(len(blocks))]
    for worker in workers:
        worker.start()
    start.wait()
    begun = time.perf_counter()
    for worker in workers:
        worker.join()
    return sum(totals) / (time.perf_counter() - begun)


def _memchr() -> Callable[[int, int, int], int | None]:
    library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
    search = library.memchr
    search.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    search.restype = ctypes.c_void_p
    found: Callable[[int, int, int], int | None] = search
    return found


def read_disk(folder: Path, size: Bytes = FILE, seconds: float = 1.0) -> Figure | None:
    """Bytes a second of a sequential read past the page cache; None where the folder takes no such file."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tinderbox-measure-") as file:
            _fill(file.fileno(), size)
            return Figure(_read_through(Path(file.name), seconds), "measured")
    except OSError:
        return None


def _fill(handle: int, size: Bytes) -> None:
    """Random bytes, because a disk may compress or never write what repeats; then forgotten by the page cache."""
    chunk = os.urandom(CHUNK)
    for _ in range(max(1, size // CHUNK)):
        os.write(handle, chunk)
    os.fsync(handle)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _read_through(path: Path, seconds: float) -> float:
    """Direct where the file system can, so that nothing is served from memory."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECT", 0))
    except OSError:
        handle = os.open(path, os.O_RDONLY)
    try:
        with mmap.mmap(-1, CHUNK) as buffer:
            begun, total = time.perf_counter(), 0
            while (count := os.readv(handle, [buffer])) > 0:
                total += count
                if time.perf_counter() - begun > seconds:
                    break
            return total / (time.perf_counter() - begun)
    finally:
        os.close(handle)


if __name__ == "__main__":
    seen = read_memory(int(sys.argv[1]), seconds=float(sys.argv[2]))
    print(json.dumps([seen.value, seen.low, seen.high]))  # noqa: T201

"""`python -m bench.hog`: a program of somebody else's that takes memory and gives it back. It reads how many bytes it
should hold, a number a line, and goes there step by step, as programs grow.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from tinderbox.units import Bytes, MiB

STEP = 16 * MiB
PAUSE = 0.1  # seconds between steps: 160 MiB/s, as a browser that opens many pages


def main() -> None:
    held: list[bytearray] = []
    for line in sys.stdin:
        wanted = int(line) // STEP
        while len(held) < wanted:
            held.append(bytearray(b"\1") * STEP)  # written, so that it is really there
            time.sleep(PAUSE)
        del held[wanted:]


@asynccontextmanager
async def hog_about(most: Bytes, random: Random) -> AsyncIterator[None]:
    """One that comes and goes for as long as the block lasts, and takes `most` bytes at the most."""
    command = (sys.executable, "-m", "bench.hog")
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    coming = asyncio.create_task(_come_and_go(process, most, random))
    try:
        yield
    finally:
        coming.cancel()
        process.kill()
        await process.wait()


async def _come_and_go(process: asyncio.subprocess.Process, most: Bytes, random: Random) -> None:
    assert process.stdin is not None
    while True:
        for size in (int(most * random.uniform(0.5, 1)), 0):
            process.stdin.write(f"{size}\n".encode())
            await process.stdin.drain()
            await asyncio.sleep(random.uniform(10, 30))


if __name__ == "__main__":
    main()

"""Mutates true headers and asks the reader: only a card or a refusal may come out, soon and with little memory."""

from __future__ import annotations

import random
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.models.gguf_writer import llama, shape_of
from tinderbox.errors import BadModelFile
from tinderbox.models.gguf import read_card

SLOWEST = 2.0  # seconds for a file of some kilobytes
NUMBERS = [0, 1, 2, 31, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1]


def seeds() -> list[bytes]:
    words = [f"w{i}" for i in range(6000)]
    gemma = shape_of(
        "gemma3", block_count=12, embedding_length=64, attention__head_count=4, attention__sliding_window=32
    )
    return [llama().encoded(), llama(**{"tokenizer.ggml.tokens": words}).encoded(), gemma.encoded()]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to four wounds: a flipped byte, a wild number, a piece cut out, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, min(len(data), 4096)))
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                data[at : at + 8] = struct.pack("<Q", chance.choice(NUMBERS))
            case 2:
                del data[at : at + chance.randint(1, 64)]
            case 3:
                data[at:at] = data[at : at + chance.randint(1, 64)]
            case _:
                del data[chance.randrange(len(data) + 1) :]
    return bytes(data)


def ask(content: bytes, path: Path) -> str:
    """`card` or `refused`. Anything else that the reader does comes through as the exception that it is."""
    path.write_bytes(content)
    start = time.perf_counter()
    try:
        read_card(path)
        answer = "card"
    except BadModelFile:
        answer = "refused"
    if time.perf_counter() - start > SLOWEST:
        raise AssertionError(f"the reader took {time.perf_counter() - start:.1f} s for {len(content)} bytes")
    return answer


def fuzz(seconds: float, seed: int = 0) -> Counter[str]:
    """Asks mutated headers for that long; the counts of answers."""
    chance, counts, begun = random.Random(seed), Counter[str](), time.monotonic()
    originals = seeds()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.gguf"
        while time.monotonic() - begun < seconds:
            counts[ask(mutated(chance.choice(originals), chance), path)] += 1
    return counts

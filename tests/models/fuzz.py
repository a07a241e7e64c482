"""Mutates true headers of models and asks their readers: only a card or a refusal may come out, soon and with little
memory."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from scripts import gguf_headers

from tests.models.gguf_writer import llama, shape_of
from tests.serve.malformed import wounded
from tinderbox.errors import BadModelFile, TinderboxError
from tinderbox.models.config_json import read_config, text_settings
from tinderbox.models.gguf import read_card
from tinderbox.models.safetensors import read_tensors
from tinderbox.models.shapes import find_shape, full_name, shape

FAMILIES = ("gpt-oss-20b", "mixtral-8x7b-v0.1", "nemotron-3-nano-30b-a3b", "deepseek-v3.2")
NUMBERS = [0, 1, 2, 31, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1]
TENSORS = {
    f"model.layers.{i}.w": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [64 * i, 64 * i + 64]} for i in range(9)
}


@dataclass(slots=True)
class Fuzzed:
    """What the readers said, the seconds that the slowest took, and the bytes that this process held at most."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    most_memory: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """A true one: its file's name, its bytes, and how long the file is with its data, which may be a hole."""

    name: str
    content: bytes
    size: int = 0


def seeds() -> list[bytes]:
    words = [f"w{i}" for i in range(6000)]
    gemma = shape_of(
        "gemma3", block_count=12, embedding_length=64, attention__head_count=4, attention__sliding_window=32
    )
    return [llama().encoded(), llama(**{"tokenizer.ggml.tokens": words}).encoded(), gemma.encoded()]


def headers(folder: Path) -> Iterator[Header]:
    """Of small models that were made up, and of large ones with their true shapes and few words."""
    yield from (Header("small.gguf", content) for content in seeds())
    yield Header("model.safetensors", _safetensors(TENSORS), len(_safetensors(TENSORS)) + 9 * 64)
    for name in FAMILIES:
        settings = shape(full_name(name))
        yield Header("config.json", json.dumps(settings).encode())
        card = replace(find_shape(name, None), vocabulary=500)  # the words of a large one are a megabyte
        gguf_headers.write(folder / "true", card, text_settings(settings))
        with (folder / "true").open("rb") as file:
            yield Header("large.gguf", file.read(1 << 18), (folder / "true").stat().st_size)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to four wounds: a flipped byte, a wild number, a piece cut out, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, min(len(data), chance.choice([4096, 1 << 18]))))
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
    """`card` or `refused`, of what a GGUF file says. Anything else comes through as the exception that it is."""
    path.write_bytes(content)
    try:
        read_card(path)
    except BadModelFile:
        return "refused"
    return "card"


def fuzz(count: int, seed: int = 0) -> Fuzzed:
    """Asks so many mutated headers."""
    chance, fuzzed = random.Random(seed), Fuzzed()
    with tempfile.TemporaryDirectory() as folder:
        true = list(headers(Path(folder)))
        for _ in range(count):
            header = chance.choice(true)
            path = Path(folder) / header.name
            path.write_bytes(_wounded(header, chance))
            if path.stat().st_size < header.size:
                os.truncate(path, header.size)
            begun = time.perf_counter()
            fuzzed.answers[_read(path)] += 1
            fuzzed.slowest = max(fuzzed.slowest, time.perf_counter() - begun)
            path.unlink()
    fuzzed.most_memory = most_held(os.getpid())
    return fuzzed


def most_held(pid: int) -> int:
    """The most bytes that a process was ever seen to hold; where the system keeps no such mark, what it holds now."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return int(psutil.Process(pid).memory_info().rss)
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024


def fuzz_apart(count: int, seed: int) -> Fuzzed:
    """The same in a process of its own, whose memory is the readers' alone."""
    words = [sys.executable, "-m", "tests.models.fuzz", str(count), str(seed)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, env=os.environ | {"PYTHONPATH": "src:."})
    answers, slowest, most_memory = json.loads(done.stdout)
    return Fuzzed(Counter(answers), slowest, most_memory)


def _wounded(header: Header, chance: random.Random) -> bytes:
    if header.name.endswith(".gguf") or chance.random() < 0.3:
        return mutated(header.content, chance)
    text = header.content[8:] if header.name == "model.safetensors" else header.content
    value: Any = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        value = wounded(value, chance)
    return _safetensors(value) if header.name == "model.safetensors" else json.dumps(value).encode()


def _safetensors(header: Any) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def _read(path: Path) -> str:
    read: dict[str, Callable[[Path], object]] = {".gguf": read_card, ".safetensors": read_tensors, ".json": read_config}
    try:
        read[path.suffix](path)
    except TinderboxError:
        return f"{path.name} refused"
    return f"{path.name} read"


if __name__ == "__main__":
    found = fuzz(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps([found.answers, found.slowest, found.most_memory]))

"""How fast a model will be: `predict` sums what a step must read, compute and launch, each at its fitted price.

The prices stand in `efficiency`, written by `scripts/fit_speed.py` from public measurements; how well they do on
models that they were not fitted to stands in `docs/speed.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tinderbox.machine.machine import Family, Machine
from tinderbox.models.card import Card
from tinderbox.plan.calibration import Calibration, Kind, correct
from tinderbox.plan.efficiency import EFFICIENCY, GUESS
from tinderbox.plan.prices import Efficiency, Prices
from tinderbox.plan.settings import Settings
from tinderbox.plan.terms import Hardware, Shape, Terms, decode_terms, prefill_terms, shape_of, touched
from tinderbox.plan.work import kv_bytes_read
from tinderbox.units import Figure

# Where a box's compute is not stated: Apple's graphics do about as many FP16 operations for each byte a second.
OPERATIONS_PER_BYTE = 34.0
UNKNOWN_ENGINE = 1.6  # how many times wider the interval is where another engine's constants are borrowed
ALL_REDUCE = 60e-6  # seconds; two for each layer where matrices are split over boxes
REPLY = 256  # tokens of an answer where nobody says how long it is
HOP = 50e-6  # seconds for one token's activations to reach the next box where layers are split

_ALIASES = {
    "ollama": "llama.cpp",
    "llamacpp": "llama.cpp",
    "lmstudio": "llama.cpp",
    "mlx-lm": "mlx",
    "rapid-mlx": "mlx",
}
_SERVING = ("vllm", "sglang", "trtllm")
_UNPACKS = ("vllm", "sglang", "mlx")  # these compute in 16 bits whatever the weights are kept in
_BYTES = ("dense", "narrow", "experts", "packed", "recurrent", "cache", "batched_cache", "states")
_LAUNCHES = ("layers", "routers", "batched_layers", "batched_routers")


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second for the whole box; None where the machine's figures are not known.

    `decode_limit` is what the stated bandwidth would allow if nothing were lost. `bound` is what takes most of a
    decode step: bandwidth, compute, launches, link or disk.
    """

    prefill: Figure | None
    decode: Figure | None
    first_token_s: float | None
    decode_limit: float | None
    bound: str | None


def predict(
    card: Card,
    machine: Machine,
    settings: Settings,
    calibration: Calibration | None = None,
    reply: int = REPLY,
) -> Speed:
    """The speed of one model on one machine. A serving engine that is given several requests at once reads the prompts
    of some while others already answer with `reply` tokens each, and its throughput is told so; 0 leaves that out."""
    if machine.bandwidth is None:
        return Speed(None, None, None, None, None)
    engine = engine_name(settings.engine)
    efficiency, widening = efficiency_of(machine.family, engine)
    hardware, shape = hardware_of(machine, engine), shape_of(card)
    reading = _split(
        seconds_of(prefill_terms(card, settings, hardware, shape), efficiency.prefill),
        card,
        machine,
        settings,
        settings.prompt,
    )
    terms = decode_terms(card, replace(settings, depth=decode_depth(settings)), hardware, shape)
    parts = {name: terms[name] * price for name, price in efficiency.decode.items()}
    step = _split(sum(parts.values()), card, machine, settings, 1) + _disk_seconds(card, machine, settings)
    tokens = settings.prompt * settings.parallel
    kind = Kind.BATCHED if settings.parallel > 1 else Kind.DECODE
    learnt = calibration or Calibration()
    mixture = card.experts > 0
    decode = correct(learnt, engine, kind, mixture, settings.parallel / step, widening * efficiency.spread(kind))
    prefill = correct(
        learnt, engine, Kind.PREFILL, mixture, tokens / reading, widening * efficiency.spread(Kind.PREFILL)
    )
    if reply > 0 and settings.parallel > 1 and engine in _SERVING:
        decode = _while_reading(decode, prefill, settings, reply)
    return Speed(
        prefill,
        decode,
        settings.prompt / prefill.value + settings.parallel / decode.value,
        decode_limit(card, shape, hardware, settings) * _boxes(machine, settings),
        _bound(parts, step),
    )


def engine_name(name: str) -> str:
    """`llama.cpp Vulkan RADV`, `Ollama`, `vLLM 0.19`, `TensorRT-LLM` as the constants know them."""
    word = name.strip().lower().replace("tensorrt-llm", "trtllm")
    first = word.split()[0] if word else "llama.cpp"
    return _ALIASES.get(first, first)


def efficiency_of(family: Family, engine: str) -> tuple[Efficiency, float]:
    """The constants for that hardware and engine, and how many times wider than theirs the interval is."""
    known = EFFICIENCY.get((family.value, engine))
    if known is not None:
        return known, 1.0
    kin = EFFICIENCY.get((family.value, "vllm" if engine in _SERVING else "llama.cpp"))
    return (kin, UNKNOWN_ENGINE) if kin is not None else (GUESS, 1.0)


def hardware_of(machine: Machine, engine: str) -> Hardware:
    """What the terms are measured against: stated figures, so that boxes of one family can share constants."""
    if machine.bandwidth is None:
        raise ValueError(f"the bandwidth of {machine.id} is not known")
    bandwidth = machine.bandwidth.value
    sixteen = machine.compute.get("bf16")
    compute = sixteen.value if sixteen else OPERATIONS_PER_BYTE * bandwidth
    if engine in _UNPACKS:
        return Hardware(bandwidth, compute, compute, compute)
    eight = machine.compute["fp8"].value if "fp8" in machine.compute else compute
    four = machine.compute["fp4"].value if "fp4" in machine.compute else eight
    return Hardware(bandwidth, compute, eight, four)


def decode_depth(settings: Settings) -> int:
    """Tokens before the one that is decoded. A serving engine answers after the prompt that it was sent; llama.cpp's
    own figures are told at a depth, where several sequences each hold at least the prompt that they read."""
    if engine_name(settings.engine) in _SERVING:
        return settings.depth + settings.prompt
    return max(settings.depth, settings.prompt) if settings.parallel > 1 else settings.depth


def seconds_of(terms: Terms, prices: Prices) -> float:
    return sum(terms[name] * price for name, price in prices.items())


def decode_limit(card: Card, shape: Shape, hardware: Hardware, settings: Settings) -> float:
    """Tokens a second if every byte came at the stated bandwidth and nothing else took time."""
    batch = settings.parallel
    cache = batch * kv_bytes_read(card, decode_depth(settings), settings.kv_type)
    return batch * hardware.bandwidth / (shape.dense + touched(shape, batch) * shape.experts + cache)


def _boxes(machine: Machine, settings: Settings) -> int:
    return max(machine.count, settings.boxes)


def _split(seconds: float, card: Card, machine: Machine, settings: Settings, tokens: int) -> float:
    """The same work over several boxes. Layers in turn gain nothing for one stream but memory; matrices split in
    parallel gain, less two all-reduces a layer."""
    count = _boxes(machine, settings)
    if count == 1:
        return seconds
    link = machine.link.value if machine.link else 1.25e9
    row = 2 * card.embedding_length * tokens * settings.parallel / link
    if engine_name(settings.engine) in _SERVING:
        return seconds / count + 2 * len(card.layers) * (ALL_REDUCE + row * (count - 1) / count)
    return seconds + (count - 1) * (HOP + row)


def _disk_seconds(card: Card, machine: Machine, settings: Settings) -> float:
    """Weights that do not fit are read from disk again for each token, as far as they are used."""
    capacity = machine.capacity * _boxes(machine, settings) // machine.count
    missing = card.weights - capacity
    if missing <= 0 or machine.disk_read is None:
        return 0.0
    return missing * card.active_parameters / card.parameters / machine.disk_read.value


def _while_reading(decode: Figure, prefill: Figure, settings: Settings, reply: int) -> Figure:
    """Throughput between the first token and the last of a burst of requests."""

    def together(decode_speed: float, prefill_speed: float) -> float:
        tokens = settings.parallel * reply
        return tokens / ((settings.parallel - 1) * settings.prompt / prefill_speed + tokens / decode_speed)

    low, high = decode.low or decode.value, decode.high or decode.value
    slow, fast = prefill.low or prefill.value, prefill.high or prefill.value
    middle = together(decode.value, prefill.value)
    down = math.hypot(middle - together(low, prefill.value), middle - together(decode.value, slow))
    up = math.hypot(together(high, prefill.value) - middle, together(decode.value, fast) - middle)
    return Figure(middle, decode.source, middle - down, middle + up)


def _bound(parts: Terms, step: float) -> str:
    sums = {
        "bandwidth": sum(parts.get(name, 0.0) for name in _BYTES),
        "launches": sum(parts.get(name, 0.0) for name in _LAUNCHES),
        "compute": parts.get("arithmetic", 0.0),
    }
    if step > 2 * sum(sums.values()):
        return "disk"
    return max(sums, key=lambda name: sums[name])

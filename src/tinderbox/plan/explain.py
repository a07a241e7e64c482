"""What a person can do: the settings nearest to those asked for with which a model fits, in words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tinderbox.models.card import Card
from tinderbox.plan.footprint import Footprint, footprint
from tinderbox.plan.settings import Settings
from tinderbox.plan.training import Recipe, TrainingFootprint, training_footprint
from tinderbox.units import Bytes, format_bytes

# From the finest to the coarsest that llama.cpp's own mixes offer.
LADDER = ("BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K", "IQ2_XXS", "IQ1_M")
MOST_BOXES = 8
SMALLEST_CONTEXT = 2048
_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


@dataclass(frozen=True, slots=True)
class Room:
    """What there is: `capacity` bytes here, `with_boxes` for so many boxes, and the model in other quantisations."""

    capacity: Bytes
    with_boxes: Callable[[int], Bytes]
    requantise: Callable[[str], Card] | None = None


def advice(card: Card, settings: Settings, memory: Footprint, room: Room) -> tuple[str, ...]:
    """What to change, the smallest change first; or how much further one could go."""
    fits = memory.total <= room.capacity
    words = list(_warnings(card, settings))
    return tuple(words + list(_further(card, settings, room) if fits else _mended(card, settings, memory, room)))


def _warnings(card: Card, settings: Settings) -> Iterator[str]:
    own = settings.context // settings.parallel
    if card.context_length and own > card.context_length:
        yield f"{card.name} was trained for {card.context_length} tokens; {own} for a sequence is beyond that."


def _further(card: Card, settings: Settings, room: Room) -> Iterator[str]:
    longest = _longest_context(card, settings, room.capacity, card.context_length * settings.parallel)
    if longest > settings.context:
        yield f"Up to {longest} tokens of context fit (--context {longest})."
    if finer := _finer(card, settings, room):
        yield f"{finer} fits too, and is closer to the original (--quant {finer})."


def _mended(card: Card, settings: Settings, memory: Footprint, room: Room) -> Iterator[str]:
    missing = memory.total - room.capacity
    yield (
        f"{card.name} needs {format_bytes(memory.total)}; "
        f"{format_bytes(room.capacity)} can be used here, {format_bytes(missing)} too little."
    )
    yield from _smaller_cache(card, settings, room.capacity)
    yield from _other_quantisation(settings, room)
    yield from _more_boxes(card, settings, room)


def _smaller_cache(card: Card, settings: Settings, capacity: Bytes) -> Iterator[str]:
    if footprint(card, replace(settings, context=256)).total > capacity:
        return
    for kind in ("q8_0", "q4_0"):
        smaller = replace(settings, kv_type=kind, flash_attention=True)
        if settings.kv_type in ("f32", "f16", "bf16") and footprint(card, smaller).total <= capacity:
            yield f"With {kind} caches {settings.context} tokens fit (--kv-type {kind})."
            break
    longest = _longest_context(card, settings, capacity, settings.context)
    if longest:
        yield f"A context of {longest} tokens fits (--context {longest})."


def _longest_context(card: Card, settings: Settings, capacity: Bytes, most: int) -> int:
    """The longest context that fits, in steps of 1024 tokens, up to `most`; 0 where not even a short one does."""
    low, high = 0, most // 1024
    while low < high:
        middle = (low + high + 1) // 2
        if footprint(card, replace(settings, context=middle * 1024)).total <= capacity:
            low = middle
        else:
            high = middle - 1
    return low * 1024 if low * 1024 >= SMALLEST_CONTEXT else 0


def _other_quantisation(settings: Settings, room: Room) -> Iterator[str]:
    if room.requantise is None or settings.engine != "llama.cpp":
        return
    requantise = room.requantise
    # sizes only fall along the ladder, so the first rung that fits is found by halves
    found = bisect_left(LADDER, True, key=lambda word: footprint(requantise(word), settings).total <= room.capacity)
    if found == len(LADDER):
        yield "In no quantisation does it fit here."
        return
    needed = footprint(requantise(LADDER[found]), settings).total
    yield f"In {LADDER[found]} it fits, with {format_bytes(needed)} (--quant {LADDER[found]})."


def _finer(card: Card, settings: Settings, room: Room) -> str | None:
    """The next finer rung that still fits, unless the model comes in few bits from its makers."""
    if room.requantise is None or settings.engine != "llama.cpp" or card.quantisation not in LADDER[1:]:
        return None
    word = LADDER[LADDER.index(card.quantisation) - 1]
    return word if footprint(room.requantise(word), settings).total <= room.capacity else None


def _more_boxes(card: Card, settings: Settings, room: Room) -> Iterator[str]:
    for count in range(max(2, settings.boxes + 1), MOST_BOXES + 1):
        if footprint(card, replace(settings, boxes=count)).total <= room.with_boxes(count):
            yield f"On {_WORDS[count]} such boxes it fits (--boxes {count})."
            return


def training_advice(card: Card, recipe: Recipe, memory: TrainingFootprint, capacity: Bytes) -> tuple[str, ...]:
    """For a run that does not fit: what would, from the least loss to the most."""
    if memory.total <= capacity:
        return ()
    words = [f"Training needs {format_bytes(memory.total)}; {format_bytes(capacity)} can be used here."]
    changes: list[tuple[Recipe, str]] = [(replace(recipe, checkpointing=True), "With gradient checkpointing it fits.")]
    changes += [(replace(recipe, checkpointing=True, batch=1), "With a batch of 1 and checkpointing it fits.")]
    changes += [
        (replace(recipe, method=method, checkpointing=True, batch=1), f"{name} fits (--train {method}).")
        for method, name in (("lora", "LoRA"), ("qlora", "QLoRA"))
    ]
    fitting = [text for other, text in changes if training_footprint(card, other).total <= capacity]
    return (*words, *(fitting[:1] or ["No way to train it fits here; choose a smaller model."]))

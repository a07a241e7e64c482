"""`Plan`: whether a model fits on a box with these settings, how fast it will be, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from tinderbox.machine.machine import Family, Machine, MemoryKind
from tinderbox.models.card import Card
from tinderbox.plan.explain import Room, advice, training_advice
from tinderbox.plan.footprint import Footprint, footprint
from tinderbox.plan.settings import Backend, Settings
from tinderbox.plan.training import Recipe, TrainingFootprint, training_footprint
from tinderbox.units import Bytes, GiB

_BACKENDS = {
    Family.GB10: Backend.CUDA,
    Family.CUDA: Backend.CUDA,
    Family.ROCM: Backend.ROCM,
    Family.METAL: Backend.METAL,
    Family.CPU: Backend.CPU,
}
# Kept free of every pool: allocators round up, and a system with nothing left swaps before it fails. Where memory is
# unified and nothing is known of what is in use, the system and its desktop must live in it too.
RESERVE, SHARE = GiB, 0.02
SYSTEM_RESERVE, SYSTEM_SHARE = 3 * GiB, 0.04
NO_SPEED: dict[str, Any] = {
    "prefill_tokens_per_s": None,
    "decode_tokens_per_s": None,
    "first_token_s": None,
    "decode_limit_tokens_per_s": None,
    "bound": None,
}


class Figures(Protocol):
    """What the speed model says, as far as a plan repeats it."""

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer. `capacity` is what the box can give to models; `advice` is in words that a person can act on."""

    model: str
    box: str
    settings: Settings
    memory: Footprint
    capacity: Bytes
    speed: Figures | None
    advice: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.capacity

    def as_json(self) -> dict[str, Any]:
        """The object that `tinderbox plan --json` prints; what is unknown is null."""
        memory = asdict(self.memory)
        source = memory.pop("source")
        return {
            "model": self.model,
            "box": self.box,
            "engine": self.settings.engine,
            "context": self.settings.context,
            "parallel": self.settings.parallel,
            "fits": self.fits,
            "memory": memory | {"total": self.memory.total, "capacity": self.capacity, "source": source},
            "speed": NO_SPEED if self.speed is None else self.speed.as_json(),
            "advice": list(self.advice),
        }


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The same for a training run."""

    model: str
    box: str
    recipe: Recipe
    memory: TrainingFootprint
    capacity: Bytes
    advice: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.capacity

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "box": self.box,
            "train": asdict(self.recipe),
            "fits": self.fits,
            "memory": asdict(self.memory) | {"total": self.memory.total, "capacity": self.capacity},
            "advice": list(self.advice),
        }


def backend_of(machine: Machine) -> Backend:
    return _BACKENDS[machine.family]


def usable(machine: Machine, boxes: int = 1) -> Bytes:
    """What models may take of so many such boxes: all that is available, less a reserve in each."""
    pool, count = machine.pool, max(boxes, machine.count)
    if pool.available is not None:
        return max(0, count * (pool.available - max(RESERVE, int(SHARE * pool.total))))
    if machine.memory_kind is MemoryKind.DISCRETE:
        return max(0, count * (pool.total - max(RESERVE, int(SHARE * pool.total))))
    return max(0, count * (pool.total - max(SYSTEM_RESERVE, int(SYSTEM_SHARE * pool.total))))


def plan(
    card: Card,
    machine: Machine,
    settings: Settings,
    speed: Figures | None = None,
    requantise: Callable[[str], Card] | None = None,
) -> Plan:
    """The plan for `card` on `machine`. `requantise` gives the same model in another quantisation, where it can be
    had: without it no other is advised."""
    settings = replace(settings, backend=backend_of(machine))
    room = Room(usable(machine, settings.boxes), lambda count: usable(machine, count), requantise)
    memory = footprint(card, settings)
    return Plan(
        model=card.name,
        box=machine.id,
        settings=settings,
        memory=memory,
        capacity=room.capacity,
        speed=speed,
        advice=advice(card, settings, memory, room),
    )


def plan_training(card: Card, machine: Machine, recipe: Recipe) -> TrainingPlan:
    """The plan for training `card` on `machine`; its quantisation does not matter, its shape does."""
    memory, capacity = training_footprint(card, recipe), usable(machine)
    words = training_advice(card, recipe, memory, capacity)
    return TrainingPlan(card.name, machine.id, recipe, memory, capacity, words)

"""`Plan`: whether a model fits on a box with these settings, how fast it will be, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from tinderbox.machine.machine import Family, Machine, MemoryKind
from tinderbox.models.card import Card
from tinderbox.plan.explain import Room, advice, training_advice
from tinderbox.plan.footprint import Footprint, footprint
from tinderbox.plan.formats import check_format
from tinderbox.plan.settings import Backend, Settings
from tinderbox.plan.speed import Speed
from tinderbox.plan.training import Recipe, TrainingFootprint, training_footprint
from tinderbox.units import Bytes, Figure, GiB

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


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer. `capacity` is what the box can give to models; `advice` is in words that a person can act on."""

    model: str
    box: str
    settings: Settings
    memory: Footprint
    capacity: Bytes
    speed: Speed | None
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
            "speed": _speed_as_json(self.speed or Speed(None, None, None, None, None)),
            "advice": list(self.advice),
        }


def _speed_as_json(speed: Speed) -> dict[str, Any]:
    return {
        "prefill_tokens_per_s": _figure_as_json(speed.prefill),
        "decode_tokens_per_s": _figure_as_json(speed.decode),
        "first_token_s": speed.first_token_s,
        "decode_limit_tokens_per_s": speed.decode_limit,
        "bound": speed.bound,
    }


def _figure_as_json(figure: Figure | None) -> dict[str, Any] | None:
    return asdict(figure) if figure is not None else None


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
    speed: Speed | None = None,
    requantise: Callable[[str], Card] | None = None,
) -> Plan:
    """The plan for `card` on `machine`. `requantise` gives the same model in another quantisation, where it can be
    had: without it no other is advised. Raises WrongUsage where the engine cannot read the model's format."""
    check_format(card, settings.engine)
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

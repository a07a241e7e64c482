"""Boxes side by side for one model: whether it fits, how fast it is, and what a token costs in joules and dollars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinderbox.machine.machine import Machine
from tinderbox.models.card import Card
from tinderbox.plan.footprint import footprint
from tinderbox.plan.settings import Settings
from tinderbox.plan.speed import Speed, predict
from tinderbox.units import Bytes


@dataclass(frozen=True, slots=True)
class Comparison:
    """One box. Power is the most that it draws, so tokens a joule are at least that many."""

    machine: Machine
    memory: Bytes
    fits: bool
    speed: Speed
    tokens_per_joule: float | None
    dollars_per_token_per_s: float | None


def compare(card: Card, machines: Iterable[Machine], settings: Settings) -> list[Comparison]:
    """The fastest that fit first, then those that do not fit."""
    found = [_one(card, machine, settings) for machine in machines]
    return sorted(found, key=lambda one: (not one.fits, -_decode(one.speed)))


def _one(card: Card, machine: Machine, settings: Settings) -> Comparison:
    memory = footprint(card, settings).total
    fits = memory <= machine.capacity
    speed = predict(card, machine, settings)
    decode, price = _decode(speed), machine.price.typical
    return Comparison(
        machine,
        memory,
        fits,
        speed,
        decode / machine.power if fits and decode and machine.power else None,
        price / decode if fits and decode and price else None,
    )


def _decode(speed: Speed) -> float:
    return speed.decode.value if speed.decode else 0.0

"""Temperatures and power, as the system and the graphics' driver report them now. What is not reported is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tinderbox.machine.cuda import load_nvml

Unit = Literal["celsius", "watts", "joules"]


@dataclass(frozen=True, slots=True)
class Reading:
    """`joules` count up since some time in the past: their rate is power."""

    chip: str
    sensor: str
    unit: Unit
    value: float


class Gauges(Protocol):
    """What is asked of NVIDIA's driver. None where it says "not supported"."""

    def count(self) -> int: ...
    def name(self, index: int) -> str: ...
    def temperature(self, index: int) -> float | None: ...
    def power(self, index: int) -> float | None: ...


def read_sensors(root: Path = Path("/"), load: Callable[[], Gauges | None] = load_nvml) -> list[Reading]:
    """Of a Linux tree at `root`, and of NVIDIA graphics. It takes some milliseconds: drivers ask the hardware."""
    driver = load()
    return [*_hwmon(root), *_powercap(root), *(_graphics(driver) if driver else ())]


def _hwmon(root: Path) -> Iterator[Reading]:
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        chip = _text(folder / "name") or folder.name
        for file in sorted(folder.glob("temp*_input")):
            yield from _reading(chip, _label(file), "celsius", file, 1e3)
        powers = {_channel(file): file for file in [*folder.glob("power*_input"), *folder.glob("power*_average")]}
        for file in powers.values():
            yield from _reading(chip, _label(file), "watts", file, 1e6)


def _powercap(root: Path) -> Iterator[Reading]:
    """RAPL: only root may read it on most systems."""
    for folder in sorted((root / "sys/class/powercap").glob("*:*")):
        yield from _reading(_text(folder / "name") or "", folder.name, "joules", folder / "energy_uj", 1e6)


def _graphics(driver: Gauges) -> Iterator[Reading]:
    for index in range(driver.count()):
        name, sensor = driver.name(index), f"gpu{index}"
        if (celsius := driver.temperature(index)) is not None:
            yield Reading(name, sensor, "celsius", celsius)
        if (watts := driver.power(index)) is not None:
            yield Reading(name, sensor, "watts", watts)


def _reading(chip: str, sensor: str, unit: Unit, file: Path, parts: float) -> Iterator[Reading]:
    try:
        yield Reading(chip, sensor, unit, int(_text(file)) / parts)
    except ValueError:
        return  # a sensor that is asleep gives an error, and no number


def _label(file: Path) -> str:
    channel = _channel(file)
    return _text(file.with_name(f"{channel}_label")) or channel


def _channel(file: Path) -> str:
    return file.name.split("_")[0]


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""

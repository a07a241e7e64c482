"""NVIDIA graphics, asked through NVML by ctypes, so that nothing need be installed. Not yet run on such hardware:
what a library answers is played to it by the tests.

A GB10 answers "not supported" when asked for its memory, because it has none of its own. Then the system's memory is
the pool, and MemAvailable what is free: CUDA's own "free" is MemFree, which counts page cache as used.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tinderbox.units import Bytes

_NAME_LENGTH = 96
_OF_THE_CHIP = 0  # nvmlTemperatureSensors_t


@dataclass(frozen=True, slots=True)
class Card:
    """`total` and `free` are None where the memory is the system's."""

    name: str
    total: Bytes | None
    free: Bytes | None
    driver: str | None = None

    @property
    def is_unified(self) -> bool:
        return self.total is None


class Nvml(Protocol):
    """What is asked of the library, in its words. `memory` is None where it says "not supported"."""

    def count(self) -> int: ...
    def name(self, index: int) -> str: ...
    def memory(self, index: int) -> tuple[Bytes, Bytes] | None: ...
    def driver(self) -> str: ...


def cards(load: Callable[[], Nvml | None] | None = None) -> list[Card]:
    """Every card that NVML sees; none where there is no NVML."""
    library = (load or load_nvml)()
    if library is None:
        return []
    driver = library.driver()
    return [_card(library, index, driver) for index in range(library.count())]


def _card(library: Nvml, index: int, driver: str) -> Card:
    total, free = library.memory(index) or (None, None)
    return Card(library.name(index), total, free, driver)


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Library:
    """NVML itself. A call that it refuses gives nothing rather than an error: a probe must not fail."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def count(self) -> int:
        found = ctypes.c_uint()
        return found.value if self._library.nvmlDeviceGetCount_v2(ctypes.byref(found)) == 0 else 0

    def name(self, index: int) -> str:
        text = ctypes.create_string_buffer(_NAME_LENGTH)
        self._library.nvmlDeviceGetName(self._handle(index), text, _NAME_LENGTH)
        return text.value.decode(errors="replace")

    def memory(self, index: int) -> tuple[Bytes, Bytes] | None:
        memory = _Memory()
        if self._library.nvmlDeviceGetMemoryInfo(self._handle(index), ctypes.byref(memory)) != 0 or not memory.total:
            return None
        return memory.total, memory.free

    def driver(self) -> str:
        text = ctypes.create_string_buffer(_NAME_LENGTH)
        self._library.nvmlSystemGetDriverVersion(text, _NAME_LENGTH)
        return text.value.decode(errors="replace")

    def temperature(self, index: int) -> float | None:
        """In degrees Celsius."""
        found = ctypes.c_uint()
        refused = self._library.nvmlDeviceGetTemperature(self._handle(index), _OF_THE_CHIP, ctypes.byref(found))
        return None if refused else float(found.value)

    def power(self, index: int) -> float | None:
        """In watts."""
        found = ctypes.c_uint()
        refused = self._library.nvmlDeviceGetPowerUsage(self._handle(index), ctypes.byref(found))
        return None if refused else found.value / 1000

    def _handle(self, index: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
        return handle


def load_nvml() -> Library | None:
    """The driver's library, started; None where there is none or it does not start."""
    for name in ("libnvidia-ml.so.1", "nvml.dll"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if library.nvmlInit_v2() == 0:
            return Library(library)
    return None

"""What runs on this machine have taught: factors by engine and kind of model that shift a prediction and narrow it.

The prior says that a prediction may be off by its interval; each run is an observation with a little noise. What
comes out is the usual weighing of the two, in logarithms, so that twice as fast and half as fast count alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from tinderbox.units import Figure

TO_DEVIATION = 1.2816  # an 80 % interval reaches so many standard deviations to each side
KEPT = 20  # observations that count: older ones fade, as drivers and builds change


class Kind(StrEnum):
    """What is timed: they are off by different factors."""

    DECODE = "decode"
    BATCHED = "batched"
    PREFILL = "prefill"


# What two runs of the same model differ by, and models of a kind among each other after correction.
NOISE = {Kind.DECODE: 0.04, Kind.BATCHED: 0.08, Kind.PREFILL: 0.08}


@dataclass(frozen=True, slots=True)
class Correction:
    """The mean of ln(measured / predicted) over `count` runs."""

    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Corrections by `key`: engine, kind, and whether the model is a mixture of experts. Printable as JSON."""

    corrections: dict[str, Correction] = field(default_factory=dict)


def key(engine: str, kind: Kind, mixture: bool) -> str:
    return f"{engine}/{kind}/{'mixture' if mixture else 'dense'}"


def learn(
    calibration: Calibration, engine: str, kind: Kind, mixture: bool, predicted: float, measured: float
) -> Calibration:
    """With one more run, given the speed predicted without calibration and the one measured. Raises ValueError for
    speeds that are not above zero."""
    if predicted <= 0 or measured <= 0:
        raise ValueError(f"speeds are above zero, not {predicted} and {measured}")
    name = key(engine, kind, mixture)
    before = calibration.corrections.get(name, Correction(0.0, 0))
    count = min(before.count + 1, KEPT)
    mean = before.mean + (math.log(measured / predicted) - before.mean) / count
    return Calibration(calibration.corrections | {name: Correction(mean, count)})


def correct(calibration: Calibration, engine: str, kind: Kind, mixture: bool, value: float, spread: float) -> Figure:
    """A prediction with its interval, corrected where runs of that kind are known.

    `spread` is the half width of the 80 % interval as a logarithm. The other kind of model, or the other kind of
    decoding, is a hint where this one was never run.
    """
    found = _nearest(calibration, engine, kind, mixture)
    if found is None:
        return _figure(value, spread, calibrated=False)
    correction, distance = found
    deviation = spread / TO_DEVIATION
    noise = math.hypot(NOISE[kind], distance)
    weight = deviation**2 / (deviation**2 + noise**2 / correction.count)
    left = math.sqrt(deviation**2 * (1 - weight) + noise**2)
    return _figure(value * math.exp(weight * correction.mean), min(spread, left * TO_DEVIATION), calibrated=True)


def _nearest(calibration: Calibration, engine: str, kind: Kind, mixture: bool) -> tuple[Correction, float] | None:
    """The correction that is closest in kind, and how much its likeness is doubted."""
    other = {Kind.DECODE: Kind.BATCHED, Kind.BATCHED: Kind.DECODE}.get(kind)
    tries = [(kind, mixture, 0.0), (kind, not mixture, 0.12)]
    if other is not None:
        tries += [(other, mixture, 0.15), (other, not mixture, 0.2)]
    for tried, experts, doubt in tries:
        if (found := calibration.corrections.get(key(engine, tried, experts))) is not None:
            return found, doubt
    return None


def _figure(value: float, spread: float, *, calibrated: bool) -> Figure:
    return Figure(
        value, "calibrated" if calibrated else "predicted", value * math.exp(-spread), value * math.exp(spread)
    )

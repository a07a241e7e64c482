"""`Efficiency`: what each term of the speed model costs on one family of hardware with one engine."""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.plan.calibration import Kind

Prices = dict[str, float]


@dataclass(frozen=True, slots=True)
class Efficiency:
    """How many times longer than perfect each term takes (launches: microseconds).

    `spreads` are the half widths, as logarithms, of intervals that held for 80 % of the rows of models left out.
    `models` and `rows` say how much it rests on.
    """

    decode: Prices
    prefill: Prices
    spreads: dict[str, float]
    models: int = 0
    rows: int = 0

    def spread(self, kind: Kind) -> float:
        """Of decoding where it is not known for several sequences, and wide where nothing is known."""
        return self.spreads.get(kind, max(self.spreads.get(Kind.DECODE, 0.0), UNKNOWN))


UNKNOWN = 0.5  # e ** 0.5: from 0.6 to 1.65 times what is predicted

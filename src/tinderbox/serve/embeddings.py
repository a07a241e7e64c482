"""Vectors shorter than the model makes them: the first of their numbers, at length one again."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Any

from tinderbox.errors import BadRequest


def shortened(answer: dict[str, Any], dimensions: int, *, as_base64: bool) -> dict[str, Any]:
    """The engine's answer with each vector cut. Raises BadRequest where the model makes fewer numbers than that."""
    data = [item | {"embedding": _encoded(_cut(item["embedding"], dimensions), as_base64)} for item in answer["data"]]
    return answer | {"data": data}


def _cut(vector: Sequence[float], dimensions: int) -> list[float]:
    if dimensions > len(vector):
        raise BadRequest(
            f"The model makes vectors of {len(vector)} numbers; {dimensions} are asked for.",
            "Ask for fewer.",
            "dimensions",
        )
    length = math.sqrt(math.fsum(number * number for number in vector[:dimensions])) or 1.0
    return [number / length for number in vector[:dimensions]]


def _encoded(vector: list[float], as_base64: bool) -> list[float] | str:
    """Floats of four bytes, little-endian, as OpenAI's clients read them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if as_base64 else vector

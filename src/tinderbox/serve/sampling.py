"""What a client may say of how tokens are chosen, where the engine itself would leave aside what it does not know."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from tinderbox.errors import BadRequest
from tinderbox.serve.bodies import Items

_MOST_BIASES = 1024

Sampler = Literal[
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
    "infill",
    "adaptive_p",
]
Samplers = Items[Sampler] | Annotated[str, Field(pattern="^[edskypmxtia]*$", max_length=32)]


def _checked(given: dict[str, JsonValue] | list[JsonValue]) -> dict[str, JsonValue] | list[JsonValue]:
    if len(given) > _MOST_BIASES:
        raise ValueError(f"more than {_MOST_BIASES} tokens")
    for place, pair in enumerate(given.items() if isinstance(given, dict) else given):
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not _is_bias(*pair):
            raise ValueError(f"entry {place} is no token with a number, or false, behind it")
    return given


def _is_bias(token: object, bias: object) -> bool:
    is_token = isinstance(token, int | str) and not isinstance(token, bool)
    return is_token and (bias is False or (type(bias) in (int, float) and math.isfinite(bias)))  # type: ignore[arg-type]  # a number


Biases = Annotated[
    dict[str, JsonValue] | list[JsonValue],
    AfterValidator(_checked),
    Field(
        description='Tokens, by number or text, and what each gets on top: `{"42": -5}` or `[["yes", 2], [42, false]]`.'
    ),
]


def check_tokens(biases: dict[str, Any] | list[Any], vocabulary: int) -> None:
    """Raises BadRequest where one of them is none of the model's: it would be left aside."""
    for token in biases if isinstance(biases, dict) else (pair[0] for pair in biases):
        if _is_number(token) and not 0 <= int(token) < vocabulary:
            what = f"'logit_bias' names token {str(token)[:40]}; the model has tokens 0 to {vocabulary - 1}."
            raise BadRequest(what, "", "logit_bias")


def _is_number(token: int | str) -> bool:
    return isinstance(token, int) or token.lstrip("-").isdecimal()

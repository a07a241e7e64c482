"""Texts as vectors of length one, for the APIs that want them in a shape of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from tinderbox.engines.pool import Pool
from tinderbox.errors import PromptTooLong
from tinderbox.serve.asking import ask

_PATH = "/v1/embeddings"


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector a text, in order, and the tokens of all texts."""

    vectors: list[list[float]]
    tokens: int


async def embed(
    pool: Pool,
    model: str,
    texts: Sequence[str],
    request: Request,
    *,
    truncate: bool = False,
    dimensions: int | None = None,
) -> Embedded:
    """With `truncate`, of a text that is too long only the start counts. Raises PromptTooLong otherwise."""
    if not texts:
        return Embedded([], 0)
    question: dict[str, object] = {"model": model, "input": list(texts)}
    try:
        answer = await ask(pool, model, _PATH, question, request)
    except PromptTooLong as error:
        if not truncate or error.holds is None:
            raise
        cut = [await _cut(pool, model, text, error.holds, request) for text in texts]
        answer = await ask(pool, model, _PATH, question | {"input": cut}, request)
    vectors = [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]
    shorter = [_shortened(vector, dimensions) for vector in vectors] if dimensions else vectors
    return Embedded(shorter, answer.get("usage", {}).get("prompt_tokens", 0))


async def _cut(pool: Pool, model: str, text: str, holds: int, request: Request) -> list[int]:
    """Its first tokens and its last, which in some models is a mark that must be there."""
    whole = await ask(pool, model, "/tokenize", {"content": text, "add_special": True}, request)
    tokens: list[int] = whole["tokens"]
    return tokens if len(tokens) <= holds else [*tokens[: holds - 1], tokens[-1]]


def _shortened(vector: list[float], dimensions: int) -> list[float]:
    kept = vector[:dimensions]
    length = math.hypot(*kept) or 1.0
    return [part / length for part in kept]

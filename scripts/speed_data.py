"""The measurements that the speed model is fitted to and judged by, as the planner would be asked for them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tinderbox.models.card import Card, Tensor
from tinderbox.models.shapes import find_shape
from tinderbox.plan.settings import Settings

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row: `depth` is the mean depth of the tokens decoded, `settings.depth` that at which the prompt begins."""

    box: str
    engine: str
    model: str
    card: Card
    settings: Settings
    depth: int
    reply: int | None
    prefill: float | None
    decode: float | None
    source: str


def measurements() -> list[Measurement]:
    """Those that are fit for use; the file says of each of the others why it is not."""
    with (DATA / "measurements.csv").open(newline="") as file:
        return [_read(row) for row in csv.DictReader(file) if "fit" in (row["use_prefill"], row["use_decode"])]


def _read(row: dict[str, str]) -> Measurement:
    card = card_of(row["model"], row["quant"], row["engine"] == "llama.cpp", int(row["file_bytes"] or 0))
    settings = Settings(
        context=131072,
        parallel=int(row["parallel"]),
        ubatch=int(row["ubatch"]),
        kv_type=row["kv_type"],
        flash_attention=row["flash_attention"] == "on",
        engine=row["engine"],
        depth=int(row["prompt_depth"]),
        prompt=int(row["prompt"] or 512),
    )
    return Measurement(
        box=row["box"],
        engine=row["engine"],
        model=row["model"],
        card=card,
        settings=settings,
        depth=int(row["depth"]),
        reply=int(row["reply"]) if row["reply"] else None,
        prefill=float(row["prefill"]) if row["use_prefill"] == "fit" else None,
        decode=float(row["decode"]) if row["use_decode"] == "fit" else None,
        source=row["source"],
    )


@cache
def card_of(model: str, quantisation: str, gguf: bool, file_bytes: int = 0) -> Card:
    """The model's card; where the file's size is known, what it has more or less is spread over the large tensors."""
    card = find_shape(model, quantisation, gguf=gguf)
    if not file_bytes:
        return card
    tensors = tuple(_scaled(tensor, file_bytes / card.weights) for tensor in card.tensors)
    return replace(card, tensors=tensors)


def _scaled(tensor: Tensor, factor: float) -> Tensor:
    return replace(tensor, size=int(tensor.size * factor))

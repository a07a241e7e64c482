"""Models on disk: what they are (`Card`, read from the header), what they are called, and the store that keeps them.

`Store` lists, finds, adds and removes; `pull` downloads; `read_card` reads a header. Each is imported when it is first
asked for, so that a list of models does not wait for what only a download needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinderbox.models.adapter import AdapterCard, keep_adapter
    from tinderbox.models.card import Attention, Card, Layer, Tensor
    from tinderbox.models.catalogue import Entry, entries
    from tinderbox.models.download import pull
    from tinderbox.models.gguf import read_card
    from tinderbox.models.name import Name, parse
    from tinderbox.models.progress import Progress
    from tinderbox.models.store import Store
    from tinderbox.models.stored import Stored

_HOMES = {
    "AdapterCard": "adapter",
    "Attention": "card",
    "Card": "card",
    "Entry": "catalogue",
    "Layer": "card",
    "Name": "name",
    "Progress": "progress",
    "Store": "store",
    "Stored": "stored",
    "Tensor": "card",
    "entries": "catalogue",
    "keep_adapter": "adapter",
    "parse": "name",
    "pull": "download",
    "read_card": "gguf",
}

__all__ = [
    "AdapterCard",
    "Attention",
    "Card",
    "Entry",
    "Layer",
    "Name",
    "Progress",
    "Store",
    "Stored",
    "Tensor",
    "entries",
    "keep_adapter",
    "parse",
    "pull",
    "read_card",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

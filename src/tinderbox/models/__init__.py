"""Models on disk: what they are (`Card`, read from the header), what they are called, and the store that keeps them.

`Store` lists, finds, adds and removes; `pull` downloads; `read_card` reads a header. Each is imported when it is first
asked for, so that a list of models does not wait for what only a download needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinderbox.models.card import Attention, Card, Layer, Tensor
    from tinderbox.models.catalogue import Entry, entries
    from tinderbox.models.download import pull
    from tinderbox.models.gguf import read_card
    from tinderbox.models.name import Name, parse
    from tinderbox.models.progress import Progress
    from tinderbox.models.store import Store, Stored

_HOMES = {
    "Attention": "card",
    "Card": "card",
    "Entry": "catalogue",
    "Layer": "card",
    "Name": "name",
    "Progress": "progress",
    "Store": "store",
    "Stored": "store",
    "Tensor": "card",
    "entries": "catalogue",
    "parse": "name",
    "pull": "download",
    "read_card": "gguf",
}

__all__ = [
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
    "parse",
    "pull",
    "read_card",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

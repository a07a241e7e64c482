"""Models as Ollama's clients name and see them."""

from __future__ import annotations

from typing import Any

from tinderbox.memory import Lease
from tinderbox.models.card import Card
from tinderbox.models.name import parse
from tinderbox.models.store import Store, Stored

_LATEST = ":latest"
_HUB = ("hf.co/", "huggingface.co/")
_NEVER = "9999-12-31T23:59:59Z"  # no model leaves because a time has come


def own_name(store: Store, name: str) -> str:
    """`smollm2:latest` is our `smollm2`, unless a model is really called so; `hf.co/ORG/REPO:Q4_K_M` is `hf:ORG/…`."""
    for hub in _HUB:
        if name.startswith(hub):
            name = f"hf:{name.removeprefix(hub)}"
    if name.endswith(_LATEST) and ("+" in name or store.get(parse(name)) is None):  # no adapter has a tag
        return name.removesuffix(_LATEST)
    return name


def describe_tag(stored: Stored) -> dict[str, Any]:
    return {
        "name": stored.name,
        "model": stored.name,
        "modified_at": stored.added.isoformat(),
        "size": stored.size,
        "digest": stored.sha256 or "",
        "details": _details(stored),
    }


def describe_running(stored: Stored, lease: Lease, context: int | None) -> dict[str, Any]:
    return {
        "name": stored.name,
        "model": stored.name,
        "size": lease.held,
        "size_vram": lease.held,
        "digest": stored.sha256 or "",
        "details": _details(stored),
        "expires_at": _NEVER,
        "context_length": context,
    }


def describe_shape(stored: Stored) -> dict[str, Any]:
    card = stored.card()
    return {
        "modified_at": stored.added.isoformat(),
        "modelfile": f"FROM {stored.name}\n",
        "parameters": "",
        "template": card.template or "",
        "license": stored.licence or card.licence or "",
        "details": _details(stored),
        "model_info": {
            "general.architecture": card.architecture,
            "general.basename": card.name,
            "general.parameter_count": card.parameters,
            f"{card.architecture}.context_length": card.context_length,
            f"{card.architecture}.embedding_length": card.embedding_length,
            f"{card.architecture}.block_count": len(card.layers),
        },
        "capabilities": capabilities(card),
    }


def capabilities(card: Card) -> list[str]:
    """What a client may offer. Tools go with every chat model; whether it can think, its template shows."""
    if card.makes_embeddings_only:
        return ["embedding"]
    template = card.template or ""
    thinks = any(mark in template for mark in ("enable_thinking", "<think>", "reasoning_effort"))
    return ["completion", "tools", *(["thinking"] if thinks else [])]


def _details(stored: Stored) -> dict[str, Any]:
    card = stored.card()
    return {
        "parent_model": stored.base.name if stored.base else "",
        "format": "gguf",
        "family": card.architecture,
        "families": [card.architecture],
        "parameter_size": _short(card.parameters),
        "quantization_level": card.quantisation,
    }


def _short(parameters: int) -> str:
    """As Ollama writes them: 134.5M, 8.0B."""
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.2f}M"

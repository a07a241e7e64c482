"""A model's card out of its GGUF header, or out of the headers of a set of shards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tinderbox.errors import BadModelFile
from tinderbox.models.architectures import layers_of
from tinderbox.models.card import Card, Tensor
from tinderbox.models.ggml import FILE_TYPES
from tinderbox.models.gguf_header import Header, LongArray, Value, read_header

__all__ = ["read_card", "read_header", "shards_of"]

MOST_SHARDS = 1024
LONGEST_ARCHITECTURE = 64
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")


def read_card(path: Path) -> Card:
    """The card of a model; of a set of shards, any one of them leads to all.

    Raises BadModelFile with file, place and reason.
    """
    shards = shards_of(path)
    headers = [read_header(shard) for shard in shards]
    _check_shards(shards, headers)
    metadata = headers[0].metadata
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    return _card(shards[0], metadata, tensors)


def shards_of(path: Path) -> list[Path]:
    """The files that belong together, in order: `X-00001-of-00003.gguf` and its two siblings, or the file alone."""
    match = _SHARD.fullmatch(path.name)
    if match is None:
        return [path]
    count = int(match[3])
    if not 1 <= int(match[2]) <= count <= MOST_SHARDS:
        raise BadModelFile(f"{path.name} is no shard of a set: number {int(match[2])} of {count}.")
    shards = [path.with_name(f"{match[1]}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
    missing = [shard.name for shard in shards if not shard.exists()]
    if missing:
        raise BadModelFile(
            f"{path.name} is one of {count} shards, and {missing[0]} is missing.",
            "Put all shards of the model into one folder.",
        )
    return shards


def _check_shards(shards: list[Path], headers: list[Header]) -> None:
    """That the shards say what their names say, and that together they hold each tensor once."""
    _agree(shards[0], "split.count", headers[0].metadata.get("split.count") or 1, len(shards))
    if len(shards) == 1:
        return
    names: set[str] = set()
    for number, (shard, header) in enumerate(zip(shards, headers, strict=True)):
        _agree(shard, "split.no", header.metadata.get("split.no"), number)
        twice = names & {tensor.name for tensor in header.tensors}
        if twice:
            raise BadModelFile(f"{shard.name} holds the tensor '{min(twice)[:80]}', which another shard holds too.")
        names |= {tensor.name for tensor in header.tensors}
    _agree(shards[0], "split.tensors.count", headers[0].metadata.get("split.tensors.count", len(names)), len(names))


def _agree(shard: Path, key: str, said: Value | None, found: int) -> None:
    if said != found:
        raise BadModelFile(
            f"{shard.name} says {str(said)[:40]} as {key}, and it is {found}.",
            "Keep all shards of one model in one folder, under the names that they were published with.",
        )


def _card(path: Path, metadata: Mapping[str, Value], tensors: tuple[Tensor, ...]) -> Card:
    if metadata.get("general.type") == "adapter":
        what = f"{path.name} is an adapter, which is nothing without the model that it was made for."
        raise BadModelFile(what, "Say which: tinderbox pull FILE --as BASE+NAME")
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not 0 < len(architecture) <= LONGEST_ARCHITECTURE:
        raise BadModelFile(f"{path.name} names no architecture (general.architecture).")
    try:
        layers = layers_of(architecture, metadata)
    except ValueError as error:
        raise BadModelFile(f"{path.name} is refused: {error}.") from error
    card = Card(
        name=_text(metadata, "general.name") or path.stem,
        architecture=architecture,
        quantisation=FILE_TYPES.get(_number(metadata, "general.file_type", -1), "-"),
        context_length=_number(metadata, f"{architecture}.context_length"),
        embedding_length=_number(metadata, f"{architecture}.embedding_length"),
        vocabulary=_vocabulary(metadata, architecture, tensors),
        layers=layers,
        tensors=tensors,
        experts=_number(metadata, f"{architecture}.expert_count"),
        experts_used=_number(metadata, f"{architecture}.expert_used_count"),
        guessing_layers=min(len(layers), _number(metadata, f"{architecture}.nextn_predict_layers")),
        template=_text(metadata, "tokenizer.chat_template"),
        licence=_text(metadata, "general.license"),
    )
    return card if card.quantisation != "-" else replace(card, quantisation=next(iter(card.types), "-"))


def _text(metadata: Mapping[str, Value], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) else None


def _number(metadata: Mapping[str, Value], key: str, otherwise: int = 0) -> int:
    value = metadata.get(key)
    if isinstance(value, tuple) and value:  # some models say it for each layer
        value = max(item for item in value if isinstance(item, int)) if all(type(i) is int for i in value) else None
    return value if type(value) is int else otherwise


def _vocabulary(metadata: Mapping[str, Value], architecture: str, tensors: tuple[Tensor, ...]) -> int:
    tokens = metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, LongArray):
        return tokens.length
    if isinstance(tokens, tuple):
        return len(tokens)
    embedding = next((tensor.shape[-1] for tensor in tensors if tensor.name == "token_embd.weight"), 0)
    return _number(metadata, f"{architecture}.vocab_size", embedding)

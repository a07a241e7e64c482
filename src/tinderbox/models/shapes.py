"""Shapes of well-known models, so that a plan needs no file: `find_shape("gpt-oss-120b", "MXFP4")`.

The settings stand in `shapes.toml`, written by `scripts/make_shapes.py` from public configurations; each is named by
its repository on Hugging Face. Only the part of the file that is asked for is parsed: all of it would take too long
for a command that must answer in a third of a second.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tinderbox.errors import NotFound, did_you_mean
from tinderbox.models.card import Card
from tinderbox.models.config_json import card_from_config

# How a list with one entry a layer is written in the file: a letter a layer.
LETTERS: dict[Any, str] = {
    "full_attention": "F",
    "sliding_attention": "S",
    "chunked_attention": "K",
    "linear_attention": "L",
    "attention": "A",
    "mamba": "M",
    "moe": "E",
    "mlp": "P",
    "conv": "C",
    "full": "U",
    "shared": "H",
    "dense": "D",
    "sparse": "R",
    0: "0",
    1: "1",
}
_KINDS = {letter: kind for kind, letter in LETTERS.items()}

# What a name may carry that says nothing of the shape, in the order in which it is tried without.
_ENDINGS = re.compile(
    r"[-.](gguf|mlx|mtp|instruct|inst|chat|it|base|hf|latest|qat|thinking|awq|gptq|int4|int8|fp8|nvfp4|mxfp4|bf16|f16|fp16|"
    r"\dbit|autoround|ud|i1|t?q\d(-[01k])?(-(xl|[sml]))?|iq\d-\w+|\d{4}|v\d(\.\d)?|unsloth|dq)$"
)
_SIZE = re.compile(r"\d(\.\d+)?[bm]\b")
_BRANDS = re.compile(r"^(meta-|openai[-_ ]|the-|google[-_ ]|nvidia[-_ ]|microsoft[-_ ])")


def find_shape(name: str, quantisation: str | None = None, *, gguf: bool = True) -> Card:
    """The card of a well-known model, in any case, with or without its organisation, size after `:` or `-`.

    Without a quantisation: the model's own where it is published in few bits, else Q4_K_M for GGUF and BF16 for other
    engines. Raises NotFound with near names, WrongUsage for a quantisation that it cannot have.
    """
    return _card(full_name(name), quantisation, gguf)


@cache
def _card(repository: str, quantisation: str | None, gguf: bool) -> Card:
    settings = shape(repository)
    own = settings.pop("native", None)
    if quantisation is None:
        quantisation = own if own and not (gguf and own != "MXFP4") else "Q4_K_M" if gguf else "BF16"
    return card_from_config(settings, repository.rsplit("/", maxsplit=1)[-1], quantisation, gguf=gguf)


def full_name(name: str) -> str:
    """The repository that a name means: `Qwen3-8B` is `Qwen/Qwen3-8B`. Raises NotFound with the nearest names."""
    known = _index()
    for candidate in _candidates(name):
        if candidate in known:
            return known[candidate]
    if repository := _original(_plain(name)):
        return repository
    near = did_you_mean(_plain(name), {_plain(repository) for repository in known.values()})
    raise NotFound(f"No model called '{name}' is known here.", near or "Name a .gguf file or a config.json.")


def _original(plain: str) -> str | None:
    """What a fine-tune is called after: the longest known name with a size in it that this one begins with."""
    words = plain.split("-")
    for count in range(len(words) - 1, 0, -1):
        start = "-".join(words[:count])
        if _SIZE.search(start) and (repository := _index().get(start.replace("-", ""))):
            return repository
    return None


def names() -> list[str]:
    """Every repository whose shape is known."""
    return sorted(_sections())


def shape(repository: str) -> dict[str, Any]:
    """The settings of one model, as its config.json has them."""
    settings = tomllib.loads(_sections()[repository])
    for key in [key for key in settings if key.endswith("_by_letter")]:
        settings[key.removesuffix("_by_letter")] = [_KINDS[letter] for letter in settings.pop(key)]
    if blocks := settings.pop("blocks", None):
        settings["block_configs"] = [
            {"attention": {"n_heads_in_group": group}, "ffn": {"ffn_mult": factor}} for group, factor in blocks
        ]
    return settings


@cache
def _sections() -> dict[str, str]:
    text = Path(__file__).with_name("shapes.toml").read_text()
    parts = re.split(r'^\["(.+)"\]$', text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def _index() -> dict[str, str]:
    """Every way of writing a name that is understood; where two models share one, the shorter name wins."""
    index: dict[str, str] = {}
    for repository in sorted(_sections(), key=len):
        for candidate in _candidates(repository):
            index.setdefault(candidate, repository)
    return index


def _plain(name: str) -> str:
    name = name.strip().lower().removeprefix("hf:").split("/")[-1].removesuffix(".gguf")
    return re.sub(r"[\s:_]+", "-", name)


def _candidates(name: str) -> list[str]:
    """The name in plain form, then without its brand, then with one ending less at a time."""
    plain = _plain(name)
    found = [plain]
    for start in (plain, _BRANDS.sub("", plain)):
        while True:
            if start not in found:
                found.append(start)
            shorter = _ENDINGS.sub("", start)
            if shorter == start or not shorter:
                break
            start = shorter
    return [candidate.replace("-", "") for candidate in found]

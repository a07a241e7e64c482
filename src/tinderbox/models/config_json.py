"""Cards from Hugging Face's `config.json`: the tensors that llama.cpp would have, counted from the settings alone.

`read_config(path, quantisation)` takes the file or its folder; `card_from_config(config, name, quantisation)` the
settings already read. Encoders of pictures and sound, and heads that only speculate, are left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinderbox.errors import BadModelFile, NotFound, WrongUsage, did_you_mean
from tinderbox.models import compressed, families, mixes
from tinderbox.models.blocks import Block, Config, Pieces, take
from tinderbox.models.card import Card, Layer, Tensor
from tinderbox.models.compressed import Rule
from tinderbox.models.mixes import Place, count_alike
from tinderbox.models.mixture import expert_count
from tinderbox.models.quantisation import tensor_bytes
from tinderbox.models.safetensors import read_tensors

LARGEST_CONFIG = 16 * 2**20
_WRAPPED = ("text_config", "llm_config", "language_config", "thinker_config")
_ALIASES = {
    "F8": "FP8",
    "FP4": "NVFP4",
    "FLOAT16": "F16",
    "FP16": "F16",
    "BFLOAT16": "BF16",
    "FP32": "F32",
    "Q4": "Q4_K_M",
}


def read_config(path: Path, quantisation: str | None = None) -> Card:
    """The card of a `config.json`, or of the folder that holds one; `quantisation` as `--quant` has it.

    Without one, safetensors files beside it say exactly what the weights take.

    Raises NotFound where there is no such file, BadModelFile for one that describes no model, WrongUsage for a
    quantisation that it cannot have.
    """
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise NotFound(f"There is no {file}.", "Name a folder with a config.json, or the file itself.")
    if file.stat().st_size > LARGEST_CONFIG:
        raise BadModelFile(f"{file} is larger than any configuration of a model.")
    try:
        config = json.loads(file.read_text())
    except (ValueError, RecursionError) as error:
        raise BadModelFile(f"{file} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise BadModelFile(f"{file} holds no settings of a model.")
    name = file.resolve().parent.name if file.name == "config.json" else file.stem.removesuffix("_config")
    card = card_from_config(config, name, quantisation)
    if quantisation is None and (stored := read_tensors(file.parent)):
        return replace(card, tensors=_as_stored(card, stored))
    return card


# Encoders and heads that a language model's plan leaves out.
_APART = re.compile(r"(vision|visual|audio|mm_projector|multi_modal_projector|embed_vision|mtp\.|\.mtp)")


def _as_stored(card: Card, stored: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The card's tensors with their sizes in proportion, so that all together are exactly what the files hold."""
    exact = sum(tensor.size for tensor in stored if not _APART.search(tensor.name))
    counted = sum(tensor.size for tensor in card.tensors)
    sizes = [tensor.size * exact // counted for tensor in card.tensors]
    sizes[0] += exact - sum(sizes)
    return tuple(replace(tensor, size=size) for tensor, size in zip(card.tensors, sizes, strict=True))


def text_settings(config: Config) -> dict[str, Any]:
    """The settings of the language model, out of the wrapper of a model that also sees or hears."""
    inner = next((config[key] for key in _WRAPPED if isinstance(config.get(key), dict)), None)
    if inner is None:
        return dict(config)
    kept = ("quantization_config", "tie_word_embeddings", "dtype", "torch_dtype")
    outer = {key: config[key] for key in kept if key in config}
    return outer | {key: value for key, value in text_settings(inner).items() if value is not None}


def card_from_config(config: Config, name: str, quantisation: str | None = None, *, gguf: bool = True) -> Card:
    """The card that these settings describe; `gguf` says which reading `MXFP4`, which both kinds of file have, gets.

    Raises BadModelFile or WrongUsage.
    """
    settings = text_settings(config)
    family = str(settings.get("model_type"))
    if family not in families.FAMILIES:
        near = did_you_mean(family, families.FAMILIES)
        raise BadModelFile(f"{name}: models of the type '{family[:40]}' are not known here.", near)
    _check(settings, name)
    settings = _believed(settings)
    try:
        blocks = list(families.build(settings))
        layers = tuple(block.layer for block in blocks)
        made = (blocks, _outer_pieces(settings, blocks))
        return _card(settings, name, made, _rule(settings, layers, quantisation, gguf))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError, re.error) as error:
        raise BadModelFile(f"{name}: its configuration lacks or misstates {str(error)[:80]}.") from error


# Settings that are words, lists or tables; all others that are read are numbers.
_WORDS = {"model_type", "topk_method", "qk_norm_type", "hybrid_override_pattern", "expert_dtype"}
_STRUCTURED = {
    *("layer_types", "hybrid_layer_pattern", "indexer_types", "mlp_layer_types", "layers_block_type", "moe_layer_freq"),
    *("compress_ratios", "block_configs", "linear_attn_config", "sparse_attention_config", "quantization_config"),
    *("mlp_only_layers", "rope_parameters", "rope_scaling"),
}


def _believed(settings: Config) -> dict[str, Any]:
    """The settings whose kind is what is expected, so that arithmetic with them is arithmetic."""
    return {
        key: value
        for key, value in settings.items()
        if (isinstance(value, int | float) and abs(value) < 2**31)
        or (isinstance(value, str) and key in _WORDS)
        or (isinstance(value, list | dict) and key in _STRUCTURED)
    }


# The largest that is believed: a count of layers decides how long the reading takes.
_LARGEST = {"num_hidden_layers": 1024, "hidden_size": 2**20, "vocab_size": 2**24, "num_attention_heads": 2**14}


def _check(settings: Config, name: str) -> None:
    """Refuses numbers that cannot be. Those that a family does not have are not asked for here."""
    for key, value in settings.items():
        wanted = key in _LARGEST and value is not None
        is_count = type(value) is int and 0 <= value < 2**40
        if wanted and not (is_count and 0 < value <= _LARGEST[key]):
            raise BadModelFile(f"{name}: {key} is {str(value)[:40]}, which cannot be.")
        if key.startswith(("num_", "n_")) and value is not None and not is_count:
            raise BadModelFile(f"{name}: {key} is {str(value)[:40]}, which is no count.")


def _card(settings: Config, name: str, made: tuple[list[Block], Pieces], named_rule: tuple[str, Rule]) -> Card:
    (blocks, pieces), (word, rule) = made, named_rule
    layers = tuple(block.layer for block in blocks)
    counts = count_alike([name for name, _ in pieces], len(layers), expert_count(settings))
    tensors = []
    for tensor, shape in pieces:
        place = Place(tensor, shape, *counts.get(tensor, (0, 1)))
        kind = rule(place)
        tensors.append(Tensor(tensor, shape, kind, tensor_bytes(kind, shape)))
    return Card(
        name=name,
        architecture=families.architecture(settings),
        quantisation=word,
        context_length=int(take(settings, "max_position_embeddings", "seq_length", default=0)),
        embedding_length=settings["hidden_size"],
        vocabulary=settings["vocab_size"],
        layers=layers,
        tensors=tuple(tensors),
        experts=expert_count(settings),
        experts_used=int(take(settings, *_USED, default=0)),
    )


_USED = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "top_k_experts", "moe_topk")


def is_tied(settings: Config) -> bool:
    """Whether the output uses the embedding's matrix. Gemma ties where nothing is said, most others do not."""
    default = str(settings["model_type"]).startswith(("gemma", "lfm2"))
    return bool(take(settings, "tie_word_embeddings", "tie_embedding", default=default))


def _outer_pieces(settings: Config, blocks: list[Block]) -> Pieces:
    """What is in no layer: embeddings, the last norm, the output, and a family's own extras."""
    width, vocabulary = settings["hidden_size"], settings["vocab_size"]
    norm = "token_embd_norm" if str(settings["model_type"]).startswith("lfm2") else "output_norm"
    pieces: Pieces = [("token_embd.weight", (width, vocabulary)), (f"{norm}.weight", (width,))]
    if not is_tied(settings):
        pieces.append(("output.weight", (width, vocabulary)))
    if settings["model_type"] == "gemma4_text":
        pieces.append(("rope_freqs.weight", (take(settings, "global_head_dim", "head_dim") // 2,)))
    if streams := settings.get("hc_mult"):
        pieces += [("output_hc_fn.weight", (streams * width, streams)), ("output_hc_base.weight", (streams,))]
        pieces.append(("output_hc_scale.weight", (1,)))
    if extra := settings.get("hidden_size_per_layer_input"):
        rows = extra * len(blocks)
        pieces += [
            ("per_layer_token_embd.weight", (rows, take(settings, "vocab_size_per_layer_input", default=vocabulary))),
            ("per_layer_model_proj.weight", (width, rows)),
            ("per_layer_proj_norm.weight", (extra,)),
        ]
    for index, block in enumerate(blocks):
        pieces += [(f"blk.{index}.{name}", shape) for name, shape in block.pieces]
    return pieces


def _rule(settings: Config, layers: tuple[Layer, ...], quantisation: str | None, gguf: bool) -> tuple[str, Rule]:
    """The quantisation's name, and the type it gives to each tensor."""
    own = settings.get("quantization_config")
    own_rule = compressed.by_config(own, settings.get("expert_dtype")) if own else None
    if quantisation is None:
        if own_rule is None:
            return "BF16", lambda _: "BF16"
        return _own_name(own), own_rule
    word = normalise(quantisation)
    if own_rule is not None and own and word == _own_name(own):
        return word, own_rule
    if word in mixes.BASES and (gguf or word not in compressed.FORMATS_BY_WORD):
        model = mixes.Model(
            layers=len(layers),
            experts=expert_count(settings),
            grouping=next((layer.heads // layer.kv_heads for layer in layers if layer.kv_heads), 1),
            tied=is_tied(settings),
            is_70b=len(layers) == 80 and settings["model_type"] == "llama",
        )
        return word, lambda place: mixes.gguf_type(word, place, model)
    return word, compressed.by_word(word)


def _own_name(own: Any) -> str:
    algorithm = str(own.get("quant_algo") or own.get("format") or own.get("quant_method") or "").upper()
    if "MXFP4" in algorithm:
        return "MXFP4"
    if algorithm == "MIXED_PRECISION" or "NVFP4" in algorithm:
        return "NVFP4"
    return {"PACK-QUANTIZED": "INT4"}.get(algorithm, algorithm)


def normalise(quantisation: str) -> str:
    """`UD-Q4_K_XL`, `q4_k_m`, `bf16`, `4bit` in the one form that the rules know.

    Raises WrongUsage for what is no quantisation.
    """
    word = quantisation.strip().upper().replace("-BIT", "BIT").removeprefix("UD-").removeprefix("I1-")
    word = _ALIASES.get(word, word)
    known = {**mixes.BASES, **compressed.FORMATS_BY_WORD}
    if word not in known:
        hint = did_you_mean(word, known) or "Q4_K_M, Q8_0, MXFP4, FP8, NVFP4 and AWQ are some that are."
        raise WrongUsage(f"'{quantisation}' is no quantisation known here.", hint)
    return word

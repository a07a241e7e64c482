"""The GGUF mixes: which tensor gets which type in a file called `Q4_K_M`, after llama.cpp's `src/llama-quant.cpp`.

The mixes of some publishers that end in `_XL` are not llama.cpp's; they are taken as: routed experts in the base type
with the down projection one step finer, everything else in Q8_0 (for `Q8_K_XL`, embedding and output in BF16). That
is within 3 % of their files, and the speeds measured with them bear it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinderbox.models.quantisation import FORMATS, fits_blocks

# The type that most tensors get.
BASES = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q4_0": "Q4_0",
    "Q4_1": "Q4_1",
    "Q5_0": "Q5_0",
    "Q5_1": "Q5_1",
    "Q8_0": "Q8_0",
    "Q2_K": "Q2_K",
    "Q2_K_S": "Q2_K",
    "Q3_K_S": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_L": "Q3_K",
    "Q4_K_S": "Q4_K",
    "Q4_K_M": "Q4_K",
    "Q5_K_S": "Q5_K",
    "Q5_K_M": "Q5_K",
    "Q6_K": "Q6_K",
    "IQ1_S": "IQ1_S",
    "IQ1_M": "IQ1_M",
    "IQ2_XXS": "IQ2_XXS",
    "IQ2_XS": "IQ2_XS",
    "IQ2_S": "IQ2_XS",
    "IQ2_M": "IQ2_S",
    "IQ3_XXS": "IQ3_XXS",
    "IQ3_XS": "IQ3_S",
    "IQ3_S": "IQ3_S",
    "IQ3_M": "IQ3_S",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "TQ1_0": "TQ1_0",
    "TQ2_0": "TQ2_0",
    "MXFP4": "MXFP4",
    "Q2_K_XL": "Q2_K",
    "Q3_K_XL": "Q3_K",
    "Q4_K_XL": "Q4_K",
    "Q5_K_XL": "Q5_K",
    "Q6_K_XL": "Q6_K",
    "Q8_K_XL": "Q8_0",
}
FINER = {"Q2_K": "Q3_K", "Q3_K": "Q4_K", "Q4_K": "Q5_K", "Q5_K": "Q6_K", "Q6_K": "Q8_0", "Q8_0": "Q8_0"}
_VERY_LOW = {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"}
_VALUES = ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")
_NEVER = (
    "_norm.weight",
    "ffn_gate_inp",
    "ssm_conv1d",
    "shortconv.conv",
    "position_embd",
    "token_types",
    "per_layer_model_proj",
)


@dataclass(frozen=True, slots=True)
class Model:
    """What the rules ask about a model: how many layers, experts, query heads for a key head, and whether ties hold."""

    layers: int
    experts: int
    grouping: int
    tied: bool
    is_70b: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor in its model: it is number `layer` of `layers` like it, as llama.cpp counts them."""

    name: str
    shape: tuple[int, ...]
    layer: int
    layers: int

    @property
    def gets_more_bits(self) -> bool:
        """llama.cpp's `use_more_bits`: the first eighth, the last eighth, and every third between."""
        eighth = self.layers // 8
        return self.layer < eighth or self.layer >= 7 * self.layers // 8 or (self.layer - eighth) % 3 == 2

    @property
    def is_early(self) -> bool:
        return self.layer < self.layers // 8


def gguf_type(mix: str, place: Place, model: Model) -> str:
    """The type of one tensor in a file of that mix. Norms, biases and routers stay F32."""
    if "tid2eid" in place.name:
        return "I32"
    if len(place.shape) < 2 or not place.name.endswith("weight") or any(word in place.name for word in _NEVER):
        return "F32"
    base = BASES[mix]
    if base in ("F32", "F16", "BF16"):
        return base
    return _fitting(_wanted(mix, base, place, model), place.shape)


def count_alike(names: Sequence[str], layers: int, experts: int) -> dict[str, tuple[int, int]]:
    """For each tensor, its number among those that one rule of the mixes counts together, and how many there are.

    Value projections are counted one by one; the feed-forward's parts too, unless there are experts: then the layer
    is what counts. Both are set against all layers.
    """
    values = [name for name in names if name.endswith(_VALUES)]
    places = {name: (number, len(values)) for number, name in enumerate(values)}
    seen: dict[str, int] = {}
    for name in names:
        kind = next((part for part in ("ffn_down", "ffn_gate", "ffn_up") if part in name), None)
        if kind and experts:
            places[name] = (int(name.split(".")[1]), layers)
        elif kind:
            places[name] = (seen.get(kind, 0), layers)
            seen[kind] = places[name][0] + 1
    return places


def _wanted(mix: str, base: str, place: Place, model: Model) -> str:
    if mix.endswith("_XL"):
        if model.experts or base == "Q8_0":
            return _extra_large(base, place)
        mix = _LIKE_LARGE.get(base, base)
    if place.name == "output.weight" or (model.tied and place.name == "token_embd.weight"):
        return _output(mix, base)
    if mix == "MXFP4":
        return "MXFP4" if len(place.shape) == 3 else "Q8_0"
    if place.name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return _embedding(mix, base)
    if mix in _VERY_LOW:
        return _very_low(mix, base, place, model)
    for part, rule in _RULES:
        if part in place.name:
            return rule(mix, base, place, model)
    return base


# Of a model without experts, a mix called `_XL` is close to the ordinary one.
_LIKE_LARGE = {"Q3_K": "Q3_K_L", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}


def _extra_large(base: str, place: Place) -> str:
    if "_exps" not in place.name:
        return "BF16" if base == "Q8_0" and place.name in ("token_embd.weight", "output.weight") else "Q8_0"
    return FINER[base] if "ffn_down" in place.name else base


def _output(mix: str, base: str) -> str:
    if mix == "MXFP4":
        return "Q8_0"
    if mix in _VERY_LOW | {"IQ3_XXS"}:
        return "Q5_K"
    return base if base == "Q8_0" else "Q6_K"


def _embedding(mix: str, base: str) -> str:
    if mix in {"IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"}:
        return "Q2_K"
    if mix in {"IQ2_S", "IQ2_M", "IQ3_XXS"}:
        return "IQ3_S"
    return "Q4_K" if base in {"TQ1_0", "TQ2_0"} else base


def _very_low(mix: str, base: str, place: Place, model: Model) -> str:
    better = "IQ3_S" if mix in {"IQ2_S", "IQ2_M"} else "Q2_K"
    if any(part in place.name for part in ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")):
        return "Q4_K" if model.grouping >= 4 or model.experts >= 4 else better
    if "attn_k.weight" in place.name and model.experts == 8:
        return "Q4_K"
    if "ffn_down" in place.name:
        return better if place.is_early else base
    if "attn_output.weight" in place.name:
        if model.experts == 8:
            return "Q5_K"
        return {"IQ1_S": "IQ2_XXS", "IQ1_M": "IQ2_XXS", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S"}.get(mix, base)
    return base


def _value(mix: str, base: str, place: Place, model: Model) -> str:
    kind = _value_of_most(mix, base, place, model)
    if model.is_70b and kind in {"Q3_K", "Q4_K"}:
        kind = "Q5_K"  # eight heads share attn_v: a finer type costs little
    return "Q8_0" if model.experts == 8 else kind


def _value_of_most(mix: str, base: str, place: Place, model: Model) -> str:
    shared = model.grouping >= 4
    if mix in {"Q4_K_M", "Q5_K_M"}:
        return "Q6_K" if place.gets_more_bits else base
    if mix == "Q2_K":
        return "Q4_K" if shared else "Q3_K"
    if mix in {"Q2_K_S", "IQ3_XXS", "IQ3_XS", "IQ3_S"} and shared:
        return "Q4_K"
    if mix in {"IQ4_NL", "IQ4_XS"} and shared:
        return "Q5_K"
    if mix == "Q3_K_M":
        return "Q5_K" if place.layer < 2 else "Q4_K"
    if mix == "Q4_K_S":
        return "Q5_K" if place.layer < 4 else base
    return {"IQ3_M": "Q4_K", "Q3_K_L": "Q5_K"}.get(mix, base)


def _key(mix: str, base: str, _: Place, model: Model) -> str:
    if model.experts == 8:
        return "Q8_0"
    return _query(mix, base, _, model)


def _query(mix: str, base: str, _: Place, __: Model) -> str:
    return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(mix, base)


def _down(mix: str, base: str, place: Place, _: Model) -> str:
    if mix in {"Q4_K_M", "Q5_K_M"}:
        return "Q6_K" if place.gets_more_bits else base
    if mix == "Q3_K_M":
        return "Q5_K" if place.layer < place.layers // 16 else "Q4_K"
    if mix in {"Q2_K_S", "IQ3_M"}:
        return "Q4_K" if place.is_early else base
    if mix == "Q4_K_S":
        return "Q5_K" if place.is_early else base
    return {"Q2_K": "Q3_K", "Q3_K_L": "Q5_K"}.get(mix, base)


def _attention_output(mix: str, base: str, _: Place, model: Model) -> str:
    if model.experts == 8:
        low = {
            "Q2_K",
            "IQ3_XS",
            "IQ3_XXS",
            "Q3_K_S",
            "Q3_K_M",
            "IQ4_NL",
            "Q4_K_S",
            "Q4_K_M",
            "IQ3_S",
            "IQ3_M",
            "IQ4_XS",
        }
        return "Q5_K" if mix in low else base
    return {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}.get(mix, base)


def _inner(mix: str, base: str, place: Place, _: Model) -> str:
    between = place.layers // 8 <= place.layer < 7 * place.layers // 8
    return "IQ3_XXS" if mix == "IQ3_XS" and between else base


_RULES = (
    ("attn_v.weight", _value),
    ("attn_qkv.weight", _value),
    ("attn_kv_b.weight", _value),
    ("attn_k.weight", _key),
    ("attn_q.weight", _query),
    ("ffn_down", _down),
    ("attn_output.weight", _attention_output),
    ("ffn_gate", _inner),
    ("ffn_up", _inner),
)


def _fitting(kind: str, shape: tuple[int, ...]) -> str:
    """The type, or the next one whose blocks divide the rows, as llama.cpp falls back."""
    if fits_blocks(kind, shape):
        return kind
    if kind in {"Q4_K", "Q5_K", "Q6_K"}:
        kind = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}[kind]
    elif FORMATS[kind][0] == 256:
        kind = "IQ4_NL" if kind.startswith("IQ") else "Q4_0"
    return kind if fits_blocks(kind, shape) else "F16"

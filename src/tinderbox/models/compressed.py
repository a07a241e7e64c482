"""The formats of safetensors files: which tensor a `quantization_config` leaves alone, and what the others become.

The rules name modules as Hugging Face does (`model.layers.3.self_attn.q_proj`), with `*` or as expressions.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable

from tinderbox.models.blocks import Config
from tinderbox.models.mixes import Place

Rule = Callable[[Place], str]

# What a word of `--quant` means for engines that read safetensors: (format, what it leaves in BF16).
_ALL_BUT_ENDS = (
    "token_embd",
    "output.weight",
    "ffn_gate_inp",
    "per_layer",
    "ssm_conv1d",
    "ssm_a",
    "ssm_d",
    "ssm_beta",
    "ssm_ba",
)
_ATTENTION_TOO = ("attn_", "ssm_", "_shexp", "indexer", "shortconv")
FORMATS_BY_WORD: dict[str, tuple[str, tuple[str, ...]]] = {
    "FP8": ("FP8", _ALL_BUT_ENDS),
    "NVFP4": ("NVFP4", (*_ALL_BUT_ENDS, *_ATTENTION_TOO)),
    "MXFP4": ("MXFP4", (*_ALL_BUT_ENDS, *_ATTENTION_TOO)),
    "AWQ": ("INT4", _ALL_BUT_ENDS),
    "GPTQ": ("INT4", _ALL_BUT_ENDS),
    "INT4": ("INT4", _ALL_BUT_ENDS),
    "INT8": ("INT8", _ALL_BUT_ENDS),
    "2BIT": ("MLX2", ("ffn_gate_inp.",)),
    "3BIT": ("MLX3", ("ffn_gate_inp.",)),
    "4BIT": ("MLX4", ("ffn_gate_inp.",)),
    "5BIT": ("MLX5", ("ffn_gate_inp.",)),
    "6BIT": ("MLX6", ("ffn_gate_inp.",)),
    "8BIT": ("MLX8", ("ffn_gate_inp.",)),
}

# llama.cpp's name -> the module's name in a Hugging Face model, where rules speak of it.
_MODULES = {
    "attn_qkv": "linear_attn.in_proj_qkv",
    "attn_gate": "linear_attn.in_proj_z",
    "attn_output": "self_attn.o_proj",
    "ssm_out": "linear_attn.out_proj",
    "ssm_in": "mixer.in_proj",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_exps": "mlp.experts.0.gate_proj",
    "ffn_up_exps": "mlp.experts.0.up_proj",
    "ffn_down_exps": "mlp.experts.0.down_proj",
    "ffn_gate_up_exps": "experts.0.gate_up_proj",
    "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
    "ffn_up_shexp": "mlp.shared_experts.up_proj",
    "ffn_down_shexp": "mlp.shared_experts.down_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_ENDS = {"token_embd": "model.embed_tokens", "output": "lm_head"}


def module_name(tensor: str) -> str:
    """`blk.3.attn_q.weight` as `layers.3.self_attn.q_proj`: from `layers` on, since what stands before it differs."""
    parts = tensor.split(".")
    if parts[0] != "blk":
        return _ENDS.get(parts[0], tensor)
    name = parts[2]
    if name.startswith(("attn", "indexer")):
        return f"layers.{parts[1]}.{_MODULES.get(name, f'self_attn.{name}')}"
    return f"layers.{parts[1]}.{_MODULES.get(name, name)}"


def by_word(word: str) -> Rule:
    """The rule that a word of `--quant` stands for; KeyError for any other."""
    kind, left_alone = FORMATS_BY_WORD[word]

    def rule(place: Place) -> str:
        if not _is_matrix(place):
            return "F32" if kind.startswith("MLX") and len(place.shape) > 1 else "BF16"
        return "BF16" if any(part in place.name for part in left_alone) else kind

    return rule


def by_config(config: Config, expert_format: str | None = None) -> Rule | None:
    """The rule in a `quantization_config`, or None where it says nothing that we know.

    `expert_format` is the setting `expert_dtype` of DeepSeek V4, whose experts alone are in four bits.
    """
    kind, ignore = _format(config), _matcher(_ignored(config))
    if kind is None:
        return None
    named = _named_layers(config)
    experts = "MXFP4" if expert_format == "fp4" and kind == "FP8" else kind

    def rule(place: Place) -> str:
        if not _is_matrix(place) or _is_kept(place.name):
            return "BF16"
        if "_exps" in place.name and experts != kind:
            return experts
        module = module_name(place.name)
        if named:
            return next((own for match, own in named if match(module)), "BF16")
        return "BF16" if ignore(module) or ignore(module.replace("shared_experts", "shared_expert")) else kind

    return rule


def _is_matrix(place: Place) -> bool:
    return len(place.shape) >= 2 and place.name.endswith("weight") and "_norm" not in place.name


def _is_kept(name: str) -> bool:
    """Embeddings, routers and convolutions are no linear layers that quantisers touch."""
    return name.startswith(("token_embd", "per_layer")) or any(
        part in name for part in ("ffn_gate_inp", "conv1d", "ssm_a", "ssm_b", "ssm_d", "hc_", "compressor")
    )


def _format(config: Config) -> str | None:
    method, algorithm = str(config.get("quant_method")), str(config.get("quant_algo"))
    groups = config.get("config_groups") or {}
    weights = next((group.get("weights") or {} for group in groups.values()), {})
    if "NVFP4" in algorithm or (weights.get("type") == "float" and weights.get("group_size") == 16):
        return "NVFP4"
    if "mxfp4" in method or "mxfp4" in str(config.get("format")):
        return "MXFP4"
    if method == "fp8" or algorithm == "FP8" or (weights.get("type"), weights.get("num_bits")) == ("float", 8):
        return "FP8"
    bits = config.get("bits", weights.get("num_bits"))
    if bits == 8:
        return "INT8"
    if bits == 4:
        return "PACKED4" if weights.get("group_size") == 32 else "INT4"
    return None


def _ignored(config: Config) -> list[str]:
    rules = [*(config.get("ignore") or ()), *(config.get("modules_to_not_convert") or ())]
    return [*rules, *(config.get("exclude_modules") or ()), "lm_head"]


def _named_layers(config: Config) -> list[tuple[Callable[[str], bool], str]]:
    """The groups that list their modules one by one, as files of mixed precision do."""
    named = []
    for group in (config.get("config_groups") or {}).values():
        targets = [target for target in group.get("targets", ()) if "layers." in target or target == "lm_head"]
        if targets:
            bits = (group.get("weights") or {}).get("num_bits")
            named.append((_matcher(targets), "FP8" if bits == 8 else "NVFP4"))
    return named


def _matcher(rules: Iterable[str]) -> Callable[[str], bool]:
    """One expression for all the rules: hundreds of them are tried on thousands of tensors."""
    expressions = {_expression(rule) for rule in rules}
    if not expressions:
        return lambda _: False
    match = re.compile("|".join(sorted(expressions))).match
    return lambda name: match(name) is not None


def _expression(rule: str) -> str:
    if rule.startswith("re:"):
        return f"(?:{rule[3:]})"
    rule = rule[rule.index("layers.") :] if "layers." in rule else rule
    rule = rule.replace("block_sparse_moe", "mlp")
    if "*" in rule:
        return f"(?:{fnmatch.translate(rule)})"
    return rf"(?:(?:.*\.)?{re.escape(rule)}(?:\..*)?$)"

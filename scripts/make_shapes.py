"""Write `models/shapes.toml`: the settings of well-known models that decide their memory and speed.

    python scripts/make_shapes.py FOLDER... > src/tinderbox/models/shapes.toml

The folders hold `ORG--NAME_config.json` files as published on Hugging Face; only facts that the readers use are kept.
A quantised copy stands for its original, where that is not there itself.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tinderbox.models.config_json import text_settings
from tinderbox.models.shapes import LETTERS

KEPT = """model_type num_hidden_layers hidden_size intermediate_size num_attention_heads num_key_value_heads head_dim
attention_head_dim v_head_dim vocab_size max_position_embeddings tie_word_embeddings attention_bias sliding_window
sliding_window_pattern use_sliding_window attention_chunk_size n_routed_experts num_local_experts num_experts
num_experts_per_tok num_experts_per_token experts_per_token top_k_experts moe_topk moe_intermediate_size
dense_intermediate_size intermediate_size_mlp shared_expert_intermediate_size share_expert_dim
shared_intermediate_size n_shared_experts num_shared_experts first_k_dense_replace num_dense_layers
decoder_sparse_step interleave_moe_layer_step use_routing_bias use_moe_router_bias topk_method use_qk_norm
qk_norm_type full_attention_interval linear_conv_kernel_dim linear_key_head_dim linear_value_head_dim
linear_num_key_heads linear_num_value_heads kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim index_n_heads
index_head_dim index_topk o_groups o_lora_rank compress_ratios hc_mult num_hash_layers expert_dtype mamba_num_heads
mamba_head_dim n_groups ssm_state_size conv_kernel hybrid_override_pattern moe_latent_size
moe_shared_expert_intermediate_size mamba_d_conv mamba_d_state mamba_n_groups mamba_d_head mamba_n_heads mamba_expand
mamba_dt_rank attn_layer_offset attn_layer_period expert_layer_offset expert_layer_period conv_L_cache block_ff_dim
block_auto_adjust_ff_dim block_multiple_of block_ffn_dim_multiplier global_head_dim num_global_key_value_heads
attention_k_eq_v num_kv_shared_layers hidden_size_per_layer_input vocab_size_per_layer_input use_double_wide_mlp
swa_num_attention_heads swa_num_key_value_heads swa_head_dim swa_v_head_dim moe_layer_freq linear_attn_config
routed_expert_hidden_size mla_use_output_gate sparse_attention_config mlp_only_layers use_mla_output_gate""".split()
INNER = {
    "linear_attn_config": ("full_attn_layers", "head_dim", "num_heads", "short_conv_kernel_size", "use_full_rank_gate"),
    "sparse_attention_config": (
        "sparse_attention_freq",
        "sparse_num_index_heads",
        "sparse_index_dim",
        "sparse_topk_blocks",
        "sparse_block_size",
        "sparse_local_block",
    ),
}
LISTS = ("layer_types", "hybrid_layer_pattern", "indexer_types", "mlp_layer_types", "layers_block_type")
DERIVED = re.compile(r"-(NVFP4|FP8|FP8-Static-PerTensor|AWQ|GPTQ|BF16)$")
NATIVE = {"mxfp4": "MXFP4", "fp8": "FP8", "compressed-tensors": "INT4"}


def shape_of(config: dict[str, Any]) -> dict[str, Any]:
    settings = text_settings(config)
    shape = {key: settings[key] for key in KEPT if settings.get(key) not in (None, [], False)}
    for key, inner in INNER.items():
        if key in shape:
            shape[key] = {name: shape[key][name] for name in inner if name in shape[key]}
    shape |= {f"{key}_by_letter": letters(settings[key]) for key in LISTS if settings.get(key)}
    if blocks := settings.get("block_configs"):
        shape["blocks"] = [
            [block["attention"].get("n_heads_in_group") or 0, block["ffn"].get("ffn_mult") or 0] for block in blocks
        ]
    if "tie_word_embeddings" in settings:
        shape["tie_word_embeddings"] = bool(settings["tie_word_embeddings"])
    quantised = settings.get("quantization_config") or {}
    if native := NATIVE.get(str(quantised.get("quant_method"))):
        shape["native"] = "MXFP4" if "mxfp4" in str(quantised.get("format")) else native
    return shape


def letters(kinds: list[Any]) -> str:
    return "".join(LETTERS[kind] for kind in kinds)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def read(folders: list[str]) -> dict[str, dict[str, Any]]:
    """Shapes by repository, originals before their copies."""
    shapes: dict[str, dict[str, Any]] = {}
    files = [file for folder in folders for file in Path(folder).glob("*_config.json")]
    for file in sorted(files, key=lambda file: (DERIVED.search(_repository(file)) is not None, file.name.lower())):
        name = DERIVED.sub("", _repository(file))
        if name.split("/")[-1] not in {known.split("/")[-1] for known in shapes}:
            shapes[name] = shape_of(json.loads(file.read_text()))
            if name != _repository(file):
                shapes[name].pop("native", None)
    return shapes


def _repository(file: Path) -> str:
    return file.name.removesuffix("_config.json").replace("--", "/")


def main(folders: list[str]) -> None:
    print("# Written by scripts/make_shapes.py from the config.json of each model on huggingface.co: do not edit.")
    for name, shape in sorted(read(folders).items(), key=lambda item: item[0].lower()):
        print(f'\n["{name}"]')
        for key, value in shape.items():
            print(f"{key} = {toml(value)}")


if __name__ == "__main__":
    main(sys.argv[1:])

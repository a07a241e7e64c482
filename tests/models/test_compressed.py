from __future__ import annotations

from typing import Any

import pytest

from tinderbox.models.compressed import by_config, by_word, module_name
from tinderbox.models.mixes import Place


def kind(config: dict[str, Any], name: str, **more: str) -> str:
    rule = by_config(config, **more)
    assert rule is not None
    return rule(Place(name, (4096, 4096), 0, 1))


def test_tensors_are_known_by_their_modules_names() -> None:
    assert module_name("blk.3.attn_q.weight") == "layers.3.self_attn.q_proj"
    assert module_name("output.weight") == "lm_head"


def test_what_a_rule_names_is_left_alone() -> None:
    config = {"quant_algo": "NVFP4", "ignore": ["lm_head", "model.language_model.layers.3.self_attn*"]}

    assert kind(config, "blk.3.attn_q.weight") == "BF16"
    assert kind(config, "blk.4.attn_q.weight") == "NVFP4"


def test_rules_may_be_expressions() -> None:
    config = {"format": "pack-quantized", "config_groups": {"g": {"weights": {"num_bits": 4, "group_size": 32}}}}
    config |= {"ignore": ["re:.*self_attn.*"]}

    assert kind(config, "blk.3.attn_q.weight") == "BF16"
    assert kind(config, "blk.3.ffn_up_exps.weight") == "PACKED4"


def test_a_mixed_file_lists_its_modules() -> None:
    groups = {
        "a": {"weights": {"num_bits": 8}, "targets": ["model.layers.0.linear_attn.out_proj"]},
        "b": {"weights": {"num_bits": 4, "group_size": 16}, "targets": ["model.layers.0.mlp.down_proj"]},
    }
    config = {"quant_algo": "MIXED_PRECISION", "config_groups": groups | {}}

    assert kind(config, "blk.0.ssm_out.weight") == "FP8"
    assert kind(config, "blk.0.ffn_down.weight") == "NVFP4"
    assert kind(config, "blk.0.attn_q.weight") == "BF16"


def test_experts_may_have_a_format_of_their_own() -> None:
    assert kind({"quant_method": "fp8"}, "blk.0.ffn_up_exps.weight", expert_format="fp4") == "MXFP4"
    assert kind({"quant_method": "fp8"}, "blk.0.attn_q.weight", expert_format="fp4") == "FP8"


def test_routers_and_embeddings_are_never_quantised() -> None:
    assert kind({"quant_method": "fp8"}, "blk.0.ffn_gate_inp.weight") == "BF16"
    assert kind({"quant_method": "fp8"}, "token_embd.weight") == "BF16"


def test_a_configuration_that_says_nothing_known_gives_no_rule() -> None:
    assert by_config({"quant_method": "magic"}) is None


@pytest.mark.parametrize(("word", "format_"), [("FP8", "FP8"), ("AWQ", "INT4"), ("4BIT", "MLX4"), ("NVFP4", "NVFP4")])
def test_a_word_stands_for_a_format(word: str, format_: str) -> None:
    assert by_word(word)(Place("blk.0.ffn_down.weight", (4096, 4096), 0, 1)) == format_

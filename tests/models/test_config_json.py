from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinderbox.errors import BadModelFile, NotFound, WrongUsage
from tinderbox.models.card import Attention
from tinderbox.models.config_json import card_from_config, normalise, read_config
from tinderbox.models.shapes import find_shape

TINY: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
}

# Parameters in billions, all and active, as the makers or public measurements state them (without encoders of
# pictures and layers that only guess ahead).
STATED = [
    ("gpt-oss-120b", 116.83, 5.7),
    ("gpt-oss-20b", 20.91, 4.2),
    ("deepseek-r1", 671.03, 37.5),
    ("DeepSeek-V4-Flash", 284.3, 13.8),
    ("llama-3.1-8b", 8.03, 8.03),
    ("llama-3.1-70b", 70.55, 70.55),
    ("llama-3.1-405b", 405.85, 405.85),
    ("Llama-4-Scout-17B-16E", 107.8, 17.2),
    ("Llama-4-Maverick-17B-128E", 400.7, 17.2),
    ("mixtral-8x7b-v0.1", 46.7, 12.9),
    ("qwen3-30b-a3b", 30.53, 3.35),
    ("qwen3-235b-a22b", 235.09, 22.2),
    ("Qwen3.5-122B-A10B", 122.11, 9.8),
    ("Qwen3.6-35B-A3B", 34.66, 3.45),
    ("qwen3-next-80b-a3b", 79.67, 3.9),
    ("gemma-3-4b", 3.88, 3.88),
    ("gemma-4-26b-a4b", 25.23, 3.8),
    ("ministral-3-14b", 13.51, 13.51),
    ("glm-4.5-air", 106.85, 13.4),
    ("GLM-5.1", 743.9, 41.8),
    ("MiniMax-M2.5", 228.7, 11.0),
    ("kimi-k2", 1026.4, 32.9),
    ("Nemotron-3-Nano-30B-A3B", 31.58, 3.6),
    ("dots.llm1", 142.77, 14.0),
    ("hunyuan-a13b", 80.39, 12.7),
]


@pytest.mark.parametrize(("name", "total", "active"), STATED)
def test_counted_parameters_are_the_stated_ones(name: str, total: float, active: float) -> None:
    card = find_shape(name)

    assert card.parameters / 1e9 == pytest.approx(total, rel=0.002)
    assert card.active_parameters / 1e9 == pytest.approx(active, rel=0.02)


def test_a_file_and_its_folder_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))

    assert read_config(tmp_path) == read_config(tmp_path / "config.json")


def test_a_model_that_sees_is_read_for_its_language_model() -> None:
    wrapped = {"model_type": "qwen3_vl", "text_config": TINY, "vision_config": {"hidden_size": 7}}

    assert card_from_config(wrapped, "m").tensors == card_from_config(TINY, "m").tensors


def test_the_heads_own_length_is_believed_over_the_width() -> None:
    card = card_from_config(TINY | {"head_dim": 128}, "m")

    assert card.layers[0].key_length == 128


def test_every_sixth_layer_of_gemma_3_sees_everything() -> None:
    kinds = [layer.attention for layer in find_shape("gemma-3-4b").layers[:6]]

    assert kinds == [Attention.SLIDING] * 5 + [Attention.FULL]


def test_a_quantisation_in_the_file_is_used() -> None:
    own = {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"]}
    card = card_from_config(TINY | {"quantization_config": own}, "m")

    assert card.quantisation == "FP8"
    assert {tensor.type for tensor in card.tensors if tensor.layer is not None} == {"FP8", "BF16"}


def test_safetensors_beside_it_say_exactly_what_the_weights_take(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    header = json.dumps({"lm_head.weight": {"dtype": "BF16", "shape": [1000, 256], "data_offsets": [0, 512_000]}})
    data = struct.pack("<Q", len(header)) + header.encode() + bytes(512_000)
    (tmp_path / "model.safetensors").write_bytes(data)

    assert read_config(tmp_path).weights == 512_000


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "[" * 100_000], ids=["empty", "list", "cut", "deep"])
def test_what_is_no_configuration_gets_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(BadModelFile, match=r"config\.json"):
        read_config(tmp_path)


def test_a_configuration_that_lacks_something_names_it() -> None:
    lacking = {key: value for key, value in TINY.items() if key != "hidden_size"}

    with pytest.raises(BadModelFile, match="hidden_size"):
        card_from_config(lacking, "m")


def test_an_unknown_family_names_the_nearest() -> None:
    with pytest.raises(BadModelFile, match="Did you mean llama"):
        card_from_config(TINY | {"model_type": "lama"}, "m")


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads"])
@pytest.mark.parametrize("value", [-1, 0, 10**9, "many", 1.5])
def test_a_number_that_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(BadModelFile, match=key):
        card_from_config(TINY | {key: value}, "m")


def test_no_folder_no_card(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no .*config\.json"):
        read_config(tmp_path)


def test_a_misspelt_quantisation_names_the_nearest() -> None:
    with pytest.raises(WrongUsage, match="Did you mean Q4_K_M"):
        card_from_config(TINY, "m", "Q4_KM")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("q4_k_m", "Q4_K_M"), ("UD-Q4_K_XL", "Q4_K_XL"), ("4-bit", "4BIT"), ("fp16", "F16"), ("i1-Q4_K_M", "Q4_K_M")],
)
def test_a_quantisation_is_understood_as_people_write_it(written: str, meant: str) -> None:
    assert normalise(written) == meant


SETTINGS = st.sampled_from([*TINY, "head_dim", "layer_types", "num_experts", "quantization_config", "sliding_window"])
VALUES: st.SearchStrategy[Any] = st.sampled_from([None, -1, 0, 1, 7, 2**45, 0.5, "x", [], [1], {}, {"a": 1}])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(SETTINGS, VALUES, max_size=4))
def test_whatever_a_configuration_says_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    with suppress(BadModelFile):
        card_from_config(TINY | changes, "m")

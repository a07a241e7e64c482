from __future__ import annotations

import pytest

from tinderbox.errors import NotFound
from tinderbox.models.shapes import find_shape, full_name, names, shape


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("gpt-oss-120b", "openai/gpt-oss-120b"),
        ("openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("OpenAI gpt-oss 120B MXFP4", "openai/gpt-oss-120b"),
        ("gpt-oss:120b", "openai/gpt-oss-120b"),
        ("llama-3.1-8b", "meta-llama/Meta-Llama-3.1-8B"),
        ("Llama 3.1:70b", "meta-llama/Meta-Llama-3.1-70B"),
        ("Qwen3-Coder-30B-A3B-Instruct", "Qwen/Qwen3-Coder-30B-A3B-Instruct"),
        ("unsloth/Qwen3.6-35B-A3B-MTP-GGUF", "Qwen/Qwen3.6-35B-A3B"),
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL", "Qwen/Qwen3.6-35B-A3B"),
        ("llmfan46/Qwen3.6-35B-A3B-uncensored-heretic", "Qwen/Qwen3.6-35B-A3B"),
        ("mlx-community/gemma-3-4b-it-qat-4bit", "google/gemma-3-4b-it"),
        ("gemma-4-26B-A4B-it-Q4_0.gguf", "google/gemma-4-26B-A4B"),
        ("deepseek-r1", "deepseek-ai/DeepSeek-R1"),
        ("smollm2:135m", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    ],
)
def test_a_name_is_understood_as_people_write_it(name: str, repository: str) -> None:
    assert full_name(name) == repository


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(NotFound, match="Did you mean gpt-oss-120b"):
        find_shape("gpt-os-120b")


def test_one_family_is_not_taken_for_another() -> None:
    with pytest.raises(NotFound):
        full_name("deepseek-r1-distill-qwen-900b")


@pytest.mark.parametrize("name", names())
def test_every_shape_in_the_file_makes_a_card(name: str) -> None:
    card = find_shape(name)

    assert card.weights > 0
    assert len(card.layers) == len({tensor.layer for tensor in card.tensors} - {None})


def test_who_publishes_in_four_bits_is_taken_at_their_word() -> None:
    assert find_shape("gpt-oss-20b").quantisation == "MXFP4"


def test_others_come_as_most_people_run_them() -> None:
    assert find_shape("qwen3-8b").quantisation == "Q4_K_M"
    assert find_shape("qwen3-8b", gguf=False).quantisation == "BF16"


def test_lists_by_layer_are_written_out_again() -> None:
    assert shape("openai/gpt-oss-20b")["layer_types"][:2] == ["sliding_attention", "full_attention"]

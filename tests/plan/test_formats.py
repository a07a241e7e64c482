from __future__ import annotations

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.models.shapes import find_shape
from tinderbox.plan.formats import check_format, engine_kind


def test_llama_cpp_reads_no_awq() -> None:
    with pytest.raises(WrongUsage, match=r"llama\.cpp cannot read AWQ or GPTQ weights\. Choose a GGUF mix"):
        check_format(find_shape("qwen3-8b", "AWQ"), "llama.cpp")


def test_mlx_reads_no_fp8() -> None:
    with pytest.raises(WrongUsage, match="mlx cannot read FP8"):
        check_format(find_shape("qwen3-8b", "FP8"), "mlx")


@pytest.mark.parametrize(
    ("quantisation", "engine"),
    [("Q4_K_M", "llama.cpp"), ("MXFP4", "ollama"), ("FP8", "vllm"), ("NVFP4", "TensorRT-LLM"), ("4bit", "mlx")],
)
def test_each_engine_reads_what_is_made_for_it(quantisation: str, engine: str) -> None:
    card = find_shape("qwen3-8b", quantisation, gguf=engine in ("llama.cpp", "ollama"))

    check_format(card, engine)


def test_a_misspelt_engine_names_the_nearest() -> None:
    with pytest.raises(WrongUsage, match="Did you mean vllm"):
        engine_kind("vlm")

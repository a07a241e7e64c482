"""Which engine reads which number formats: a plan for a file that the engine refuses would be worth nothing."""

from __future__ import annotations

from tinderbox.errors import WrongUsage, did_you_mean
from tinderbox.models.card import Card

_MLX = {"MLX2", "MLX3", "MLX4", "MLX5", "MLX6", "MLX8"}
_PACKED = {"FP8", "INT8", "INT4", "PACKED4"}
# What each cannot read. llama.cpp has MXFP4 and NVFP4 of its own; vLLM reads GGUF files, if slowly.
_REFUSED: dict[str, set[str]] = {
    "llama.cpp": _PACKED | _MLX,
    "vllm": _MLX,
    "sglang": _MLX,
    "trtllm": _MLX,
    "mlx": _PACKED,
}
_SAME = {"ollama": "llama.cpp", "lmstudio": "llama.cpp", "llamacpp": "llama.cpp", "nim": "trtllm"}
_SAME |= {"tensorrt-llm": "trtllm", "mlx-lm": "mlx", "rapid-mlx": "mlx"}
_SAY = {"INT4": "AWQ or GPTQ", "PACKED4": "packed INT4", "MLX4": "MLX's 4-bit", "MLX8": "MLX's 8-bit"}
_INSTEAD = {"llama.cpp": "Choose a GGUF mix: --quant Q4_K_M.", "mlx": "Choose --quant 4bit."}


def engine_kind(name: str) -> str:
    """`ollama` as the engine that it is, `llama.cpp`. Raises WrongUsage for a name that no engine has."""
    word = name.strip().lower().split(" ")[0]
    word = _SAME.get(word, word)
    if word not in _REFUSED:
        hint = did_you_mean(word, [*_REFUSED, *_SAME]) or f"Choose one of {', '.join(_REFUSED)}."
        raise WrongUsage(f"There is no engine '{name}' here.", hint)
    return word


def check_format(card: Card, engine: str) -> None:
    """Raises WrongUsage where the engine cannot read the formats of that card."""
    kind = engine_kind(engine)
    refused = sorted(card.sums.types & _REFUSED[kind])
    if refused:
        instead = _INSTEAD.get(kind, "Choose --quant FP8, NVFP4 or AWQ.")
        raise WrongUsage(f"{engine} cannot read {_SAY.get(refused[0], refused[0])} weights.", instead)

"""`Settings`: how a model is to be run, as far as memory and speed depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tinderbox.errors import WrongUsage, did_you_mean

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "fp8")


class Backend(StrEnum):
    """What computes. Only the CPU's buffers are known to the byte."""

    CPU = "cpu"
    CUDA = "cuda"
    METAL = "metal"
    VULKAN = "vulkan"
    ROCM = "rocm"


def usual_ubatch(backend: Backend) -> int:
    """Tokens of a prompt computed at once, where nobody says: a GPU reads a prompt up to twice as fast in pieces of
    2048 as in llama.cpp's own 512, which is how its makers measure it; a CPU gains nothing and pays in memory."""
    return 512 if backend is Backend.CPU else 2048


@dataclass(frozen=True, slots=True)
class Settings:
    """`context` is in tokens for all sequences together, as llama.cpp's `--ctx-size`: `parallel` of them share it.

    `unified` says whether they share one cache or each have their part. `outputs` is for how many tokens of a batch
    logits are wanted at most; None stands for all, llama.cpp's own default, while a server asks for one a sequence.
    `boxes` is over how many the model is split.
    Raises WrongUsage for what no engine can do.
    """

    context: int = 8192
    parallel: int = 1
    ubatch: int = 512
    kv_type: str = "f16"
    flash_attention: bool = True
    unified: bool = False
    outputs: int | None = None
    engine: str = "llama.cpp"
    backend: Backend = Backend.CPU
    boxes: int = 1
    depth: int = 0
    prompt: int = 512
    train: str | None = None

    def __post_init__(self) -> None:
        for name in ("context", "parallel", "ubatch", "boxes", "prompt"):
            if getattr(self, name) < 1:
                raise WrongUsage(f"--{name} must be at least 1, not {getattr(self, name)}.")
        if self.depth < 0:
            raise WrongUsage(f"--depth must not be negative, but is {self.depth}.")
        if self.kv_type not in KV_TYPES:
            hint = did_you_mean(self.kv_type, KV_TYPES) or f"Choose one of {', '.join(KV_TYPES)}."
            raise WrongUsage(f"'{self.kv_type}' is no type for a cache.", hint)
        if self.kv_type not in ("f32", "f16", "bf16", "fp8") and not self.flash_attention:
            raise WrongUsage(
                f"A cache of values in {self.kv_type} needs flash attention.", "Add --flash-attention on, or use f16."
            )

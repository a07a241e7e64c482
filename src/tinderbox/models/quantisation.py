"""What a number takes in each format: GGUF's types, and those of safetensors files with their scales counted in.

A format is (elements in a block, bytes of a block). GGUF's are those of `ggml-common.h` in llama.cpp; of the others,
the scales are: FP8 one f32 for 128 x 128 weights (DeepSeek-V3's), NVFP4 one FP8 for 16, INT4 one f16 and one 4-bit
zero for 128 (AWQ, GPTQ), PACKED4 one bf16 for 32 (compressed-tensors), MLX one f16 scale and one f16 bias for 64.
"""

from __future__ import annotations

from math import prod

from tinderbox.units import Bytes

FORMATS: dict[str, tuple[int, int]] = {
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "F64": (1, 8),
    "I8": (1, 1),
    "I16": (1, 2),
    "I32": (1, 4),
    "I64": (1, 8),
    "Q4_0": (32, 18),
    "Q4_1": (32, 20),
    "Q5_0": (32, 22),
    "Q5_1": (32, 24),
    "Q8_0": (32, 34),
    "Q8_1": (32, 36),
    "Q2_K": (256, 84),
    "Q3_K": (256, 110),
    "Q4_K": (256, 144),
    "Q5_K": (256, 176),
    "Q6_K": (256, 210),
    "Q8_K": (256, 292),
    "IQ1_S": (256, 50),
    "IQ1_M": (256, 56),
    "IQ2_XXS": (256, 66),
    "IQ2_XS": (256, 74),
    "IQ2_S": (256, 82),
    "IQ3_XXS": (256, 98),
    "IQ3_S": (256, 110),
    "IQ4_NL": (32, 18),
    "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54),
    "TQ2_0": (256, 66),
    "MXFP4": (32, 17),
    "NVFP4": (64, 36),
    "FP8": (16384, 16388),
    "INT8": (128, 130),
    "INT4": (256, 133),
    "PACKED4": (32, 18),
    "MLX2": (64, 20),
    "MLX3": (64, 28),
    "MLX4": (64, 36),
    "MLX5": (64, 44),
    "MLX6": (64, 52),
    "MLX8": (64, 68),
}


def bytes_of(kind: str, elements: int) -> Bytes:
    """What so many elements take in that format, the last block rounded up."""
    block, size = FORMATS[kind]
    return -(-elements * size // block)


def tensor_bytes(kind: str, shape: tuple[int, ...]) -> Bytes:
    return bytes_of(kind, prod(shape))


def fits_blocks(kind: str, shape: tuple[int, ...]) -> bool:
    """GGUF cuts rows into blocks: a row that is no multiple cannot have that type."""
    return shape[0] % FORMATS[kind][0] == 0

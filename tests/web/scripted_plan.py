"""Plans as the box gives them: the figures are simple, of the right size, and known to the tests beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GB = 10**9
SPARK = "dgx-spark"
BOXES = {
    SPARK: "DGX Spark (Founders Edition)",
    "rtx-5090": "GeForce RTX 5090 (card)",
    "new-box": "Unmeasured",
}
WEIGHTS = {"gpt-oss-120b": 63.4 * GB, "Llama-3.3-70B-Instruct": 42.5 * GB, "smollm2:135m": 0.0984 * GB, "⏸": 1 * GB}
READ_FOR_A_TOKEN = {"gpt-oss-120b": 3.3 * GB, "Llama-3.3-70B-Instruct": 42.5 * GB}
CAPACITY: Mapping[str, float | None] = {"": 10.8 * GB, SPARK: 114.6 * GB, "rtx-5090": 32.5 * GB, "new-box": None}
BANDWIDTH: Mapping[str, float | None] = {"": 40 * GB, SPARK: 273 * GB, "rtx-5090": 1792 * GB, "new-box": None}
CACHE = {"f16": 72_000, "q8_0": 38_250, "q4_0": 20_250}  # bytes for a token of context
DEPTHS = (0, 1024, 2048, 4096, 8192, 16384, 32768)


def refused_plan(query: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and words where there is no such plan."""
    if query["model"] not in WEIGHTS:
        return 404, f"No model called '{query['model']}' is known here. Did you mean gpt-oss-120b?"
    if query.get("box", "") not in CAPACITY:
        return 404, f"No box is called '{query['box']}'. Did you mean dgx-spark?"
    return None


def scripted_plan(query: Mapping[str, str]) -> dict[str, Any]:
    context, box = int(query.get("context", 8192)), query.get("box", "")
    memory = _memory(query, context)
    needed, capacity = sum(memory.values()), _times(CAPACITY[box], int(query["boxes"]))
    fits = capacity is not None and needed <= capacity
    return {
        "model": query["model"],
        "box": box or "this-machine",
        "engine": "llama.cpp",
        "context": context,
        "parallel": int(query["parallel"]),
        "fits": fits,
        "memory": memory | {"total": needed, "capacity": capacity},
        "speed": _speed(query, BANDWIDTH[box]),
        "advice": _advice(query["model"], fits, context) if capacity else [],
        "depths": [{"depth": depth, "decode": _decode(query, BANDWIDTH[box], depth)} for depth in DEPTHS],
    }


def _memory(query: Mapping[str, str], context: int) -> dict[str, int]:
    parts = {"weights": WEIGHTS[query["model"]], "context": context * CACHE[query["kv_type"]]}
    return {
        name: int(size)
        for name, size in (parts | {"compute": 0.45 * GB, "output": 0.002 * GB, "overhead": 0.6 * GB}).items()
    }


def _times(capacity: float | None, boxes: int) -> int | None:
    return None if capacity is None else int(capacity) * boxes


def _decode(query: Mapping[str, str], bandwidth: float | None, depth: int) -> dict[str, float] | None:
    if bandwidth is None:
        return None
    value = 0.72 * bandwidth / (READ_FOR_A_TOKEN.get(query["model"], 0.1 * GB) + depth * CACHE[query["kv_type"]])
    return {"value": value, "low": 0.92 * value, "high": 1.09 * value}


def _speed(query: Mapping[str, str], bandwidth: float | None) -> dict[str, Any]:
    decode = _decode(query, bandwidth, 0)
    if decode is None or bandwidth is None:
        names = ("prefill_tokens_per_s", "decode_tokens_per_s", "first_token_s", "decode_limit_tokens_per_s", "bound")
        return dict.fromkeys(names)
    source = "predicted" if query.get("box") else "calibrated"
    return {
        "prefill_tokens_per_s": {"value": 1904.0, "low": 1670.0, "high": 2140.0, "source": source},
        "decode_tokens_per_s": decode | {"source": source},
        "first_token_s": 512 / 1904 + 1 / decode["value"],
        "decode_limit_tokens_per_s": decode["value"] / 0.72,
        "bound": "bandwidth",
    }


def _advice(model: str, fits: bool, context: int) -> list[str]:
    if fits:
        return [f"Up to {8 * context} tokens of context fit (--context {8 * context})."]
    return [
        f"{model} needs more than there is.",
        f"With q8_0 caches {context} tokens fit (--kv-type q8_0).",
        "In IQ4_XS it fits, with 28.1 GB (--quant IQ4_XS).",
        "On two such boxes it fits (--boxes 2).",
        "Choose a smaller model.",
    ]

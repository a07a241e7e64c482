"""Ask the shipped engine what well-known models take, and write it down for the tests.

    python -m scripts.memory_oracle [MODEL...] > tests/plan/memory_oracle.csv

Each model becomes a file with its real header and no data; the engine opens it without allocating. Nothing here needs
the memory that it speaks of.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts import gguf_headers
from tinderbox.models.config_json import text_settings
from tinderbox.models.shapes import find_shape, full_name, shape

# One of each architecture and of each way in which layers differ, in a quantisation that is usual for it.
MODELS = {
    "SmolLM2-135M-Instruct": "Q4_1",
    "Llama-3.2-3B-Instruct": "Q4_K_M",
    "Meta-Llama-3.1-70B": "Q4_K_M",
    "Ministral-3-8B-Instruct-2512": "Q5_K_M",
    "Mixtral-8x7B-v0.1": "Q4_K_M",
    "Llama-4-Scout-17B-16E-Instruct": "Q4_K_M",
    "Qwen2.5-Coder-0.5B-Instruct": "Q4_K_M",
    "Qwen2.5-Coder-7B-Instruct": "Q8_0",
    "Qwen3-4B": "Q6_K",
    "Qwen3-32B": "IQ4_XS",
    "Qwen3-30B-A3B": "Q4_K_M",
    "Qwen3-VL-8B-Instruct": "Q8_0",
    "Qwen3-Next-80B-A3B-Instruct": "Q4_K_M",
    "Qwen3.5-27B": "Q4_K_M",
    "Qwen3.5-35B-A3B": "Q8_0",
    "gemma-2-9b-it": "Q4_0",
    "gemma-3-270m-it": "Q8_0",
    "gemma-3-27b-it": "Q4_0",
    "gemma-4-26B-A4B": "Q4_K_M",
    "gemma-4-31B-it": "Q4_K_M",
    "gemma-4-E4B-it": "Q8_0",
    "phi-4": "Q4_K_M",
    "Phi-4-mini-instruct": "Q3_K_M",
    "gpt-oss-20b": "MXFP4",
    "gpt-oss-120b": "MXFP4",
    "DeepSeek-V2-Lite-Chat": "Q4_K_M",
    "DeepSeek-R1": "IQ2_XXS",
    "DeepSeek-V3.2": "Q2_K",
    "DeepSeek-V4-Flash": "IQ3_XXS",
    "GLM-4.5-Air": "Q4_K_M",
    "GLM-5.1": "Q2_K",
    "GLM-5.2": "IQ1_M",
    "dots.llm1.inst": "Q4_K_M",
    "Hunyuan-A13B-Instruct": "Q6_K",
    "MiniMax-M2.5": "Q3_K_M",
    "MiniMax-M3": "Q2_K",
    "MiMo-V2-Flash": "IQ2_M",
    "Step-3.7-Flash": "Q4_K_S",
    "NVIDIA-Nemotron-3-Nano-30B-A3B": "Q8_0",
    "NVIDIA-Nemotron-3-Super-120B-A12B": "Q4_K_M",
    "Nemotron-H-56B-Base-8K": "Q4_K_M",
    "Llama-3_3-Nemotron-Super-49B-v1": "Q4_K_M",
    "granite-4.0-h-tiny": "Q4_K_M",
    "LFM2-1.2B": "Q4_K_M",
    "LFM2-8B-A1B": "Q4_K_M",
    "AI21-Jamba2-3B": "Q4_K_M",
}
NAMES = ("context", "ubatch", "sequences", "kv_type", "flash_attention", "unified", "outputs")
ROWS = [
    (4096, 512, 1, "f16", 1, 0, 0),
    (32768, 512, 1, "f16", 1, 0, 0),
    (131072, 512, 1, "f16", 1, 0, 0),
    (32768, 2048, 1, "f16", 1, 0, 0),
    (32768, 512, 4, "f16", 1, 0, 0),
    (32768, 512, 4, "f16", 1, 1, 0),
    (32768, 512, 1, "q8_0", 1, 0, 0),
    (8192, 512, 1, "q4_0", 1, 0, 1),
    (4096, 512, 1, "f16", 0, 0, 0),
    (10000, 128, 3, "bf16", 1, 0, 3),
    (8192, 512, 2, "f32", 0, 1, 2),
    (1000, 512, 1, "f16", 1, 0, 1),
]
ANSWERS = ("weights_bytes", "context_bytes", "compute_bytes")


def ask(model: str, quantisation: str, folder: Path) -> list[dict[str, Any]]:
    """What the engine says to each row of settings; rows that it refuses are left out."""
    file = folder / "model.gguf"
    gguf_headers.write(file, find_shape(model, quantisation), text_settings(shape(full_name(model))))
    rows = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    child = [sys.executable, str(Path(__file__).with_name("ask_engine.py"))]
    question = json.dumps({"file": str(file), "rows": rows})
    done = subprocess.run(child, input=question, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("["):
        print(f"{model}: {'; '.join(done.stderr.strip().splitlines()[-3:])[-400:]}", file=sys.stderr)
        return []
    answers = json.loads(done.stdout)
    refused = [row for row, answer in zip(rows, answers, strict=True) if answer is None]
    if refused:
        print(f"{model}: refuses {len(refused)} of {len(rows)} settings", file=sys.stderr)
    return [row | answer for row, answer in zip(rows, answers, strict=True) if answer is not None]


def main(wanted: list[str]) -> None:
    columns = ["model", "quantisation", "architecture", *NAMES, *ANSWERS, "engine"]
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for model, quantisation in MODELS.items():
        if wanted and model not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for answer in ask(model, quantisation, Path(folder)):
                known = {"model": model, "quantisation": quantisation, "engine": f"xllamacpp {version('xllamacpp')}"}
                writer.writerow(known | {"architecture": find_shape(model, quantisation).architecture} | answer)


if __name__ == "__main__":
    main(sys.argv[1:])

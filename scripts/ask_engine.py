"""Ask the llama.cpp inside the shipped engine what a model would take: one model and its settings on a child's stdin.

The extension module exports llama.cpp's C interface; this reads it with ctypes. `llama_get_memory_breakdown` returns
a C++ map, whose nodes (libstdc++) are walked. Linux on x86-64 or aarch64 only; the results are data in the tests.
"""

from __future__ import annotations

import ctypes as c
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

KV = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "iq4_nl": 20}


BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"  # C++ mangles it: it is not in the C header


def _each(kind: type[Any], names: str) -> list[tuple[str, type[Any]]]:
    return [(name, kind) for name in names.split()]


class ModelParams(c.Structure):
    _fields_ = (
        *_each(c.c_void_p, "devices overrides"),
        *_each(c.c_int32, "n_gpu_layers split_mode load_mode lazy_mode main_gpu"),
        *_each(c.c_void_p, "tensor_split progress progress_data kv_overrides"),
        *_each(c.c_bool, "vocab_only check use_extra_bufts no_host no_alloc load_mtp"),
    )


class ContextParams(c.Structure):
    _fields_ = (
        *_each(c.c_uint32, "n_ctx n_batch n_ubatch n_seq_max n_rs_seq n_outputs_max per_seq"),
        *_each(c.c_int32, "threads threads_batch type rope pooling attention flash_attn"),
        *_each(c.c_float, "base scale ext attn fast slow"),
        *_each(c.c_uint32, "yarn_orig"),
        *_each(c.c_float, "defrag"),
        *_each(c.c_void_p, "eval eval_data"),
        *_each(c.c_int, "type_k type_v"),
        *_each(c.c_size_t, "moe_cache"),
        *_each(c.c_void_p, "abort abort_data"),
        *_each(c.c_bool, "embeddings offload_kqv no_perf op_offload swa_full kv_unified"),
        *_each(c.c_void_p, "samplers"),
        *_each(c.c_size_t, "n_samplers"),
        *_each(c.c_void_p, "other"),
    )


class Node(c.Structure):
    """A node of std::map<buffer type, {model, context, compute}>."""


Node._fields_ = [
    ("color", c.c_size_t),
    ("parent", c.POINTER(Node)),
    ("left", c.POINTER(Node)),
    ("right", c.POINTER(Node)),
    ("key", c.c_void_p),
    ("model", c.c_size_t),
    ("context", c.c_size_t),
    ("compute", c.c_size_t),
]


class Map(c.Structure):
    _fields_ = [("compare", c.c_size_t), ("header", c.c_size_t), ("root", c.POINTER(Node)), ("rest", c.c_size_t * 3)]


def library() -> c.CDLL:
    spec = importlib.util.find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        raise SystemExit("xllamacpp is not installed")
    lib = c.PyDLL(str(next(Path(spec.origin).parent.glob("xllamacpp*.so"))))
    lib.llama_model_default_params.restype = ModelParams
    lib.llama_context_default_params.restype = ContextParams
    lib.llama_model_load_from_file.argtypes = [c.c_char_p, ModelParams]
    lib.llama_model_load_from_file.restype = c.c_void_p
    lib.llama_init_from_model.argtypes = [c.c_void_p, ContextParams]
    lib.llama_init_from_model.restype = c.c_void_p
    getattr(lib, BREAKDOWN).restype = Map
    getattr(lib, BREAKDOWN).argtypes = [c.c_void_p]
    lib.llama_free.argtypes = [c.c_void_p]
    return lib


def walk(node: Any) -> list[tuple[int, int, int]]:
    if not node:
        return []
    here = node.contents
    return [*walk(here.left), (here.model, here.context, here.compute), *walk(here.right)]


def ask(lib: c.CDLL, model: int, row: dict[str, Any]) -> dict[str, int] | None:
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_ubatch, params.n_seq_max = row["context"], row["ubatch"], row["sequences"]
    params.n_batch, params.n_outputs_max = max(2048, row["ubatch"]), row["outputs"]
    params.type_k = params.type_v = KV[row["kv_type"]]
    params.flash_attn, params.kv_unified = int(row["flash_attention"]), bool(row["unified"])
    params.no_perf, params.swa_full = True, False
    context = lib.llama_init_from_model(model, params)
    if not context:
        return None
    parts = walk(getattr(lib, BREAKDOWN)(context).root)
    lib.llama_free(context)
    names = ("weights_bytes", "context_bytes", "compute_bytes")
    return {name: sum(part[index] for part in parts) for index, name in enumerate(names)}


def main() -> None:
    question = json.load(sys.stdin)
    lib = library()
    lib.llama_backend_init()
    params = lib.llama_model_default_params()
    loads = bool(question.get("load"))  # a model small enough to be really loaded, as our engine loads it
    params.no_alloc, params.use_extra_bufts, params.load_mode = not loads, loads, 0
    model = lib.llama_model_load_from_file(question["file"].encode(), params)
    if not model:
        raise SystemExit(f"the engine refuses {question['file']}")
    json.dump([ask(lib, model, row) for row in question["rows"]], sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main()

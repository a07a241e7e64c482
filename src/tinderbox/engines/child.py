"""The engine's own process: `python -m tinderbox.engines.child`. Only this module knows the binding.

It reads one JSON line of settings from standard input, loads the model, writes one JSON line to standard output, and
serves HTTP on a Unix socket until it is ended, or until standard input closes because the box is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_OUT_OF_MEMORY_SCORE = 500  # of 1000: the kernel ends an engine before the box


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end us when the box ends, even in the middle of a load, when no Python of ours can run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text(str(_OUT_OF_MEMORY_SCORE))
    if os.getppid() != parent:
        os._exit(1)  # the box ended before we could ask


def _parameters(wanted: dict[str, Any]) -> Any:
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = wanted["path"]
    p.model_alias = {wanted["name"]}
    p.n_parallel = wanted["parallel"]
    p.n_ctx = wanted["context"] * wanted["parallel"]
    p.n_ubatch = wanted["ubatch"]
    p.kv_unified = False  # a slot's context is its own: no answer is cut because another one grew
    for cpu in (p.cpuparams, p.cpuparams_batch):
        cpu.n_threads = wanted["threads"]
        cpu.poll = 0
    # Weights are repacked at load: mapping the file would hold them twice.
    p.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    p.fit_params = False  # what fits is decided by the box, before the engine starts
    p.embedding = True
    if not wanted["embeds_only"]:
        p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    p.cache_ram_mib = 0  # no cache grows outside what was granted
    p.slot_save_path = wanted["saves"]
    # Each question says which is applied; one that did not would have the base alone.
    p.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in wanted["adapters"]]
    p.hostnames = [wanted["socket"]]
    p.api_keys = [wanted["secret"]]
    p.endpoint_metrics = True
    p.ui = False
    p.warmup = False
    p.offline = True
    p.verbosity = 2  # errors and warnings: what the box passes on when a load fails
    return p


def main() -> None:
    resource.setrlimit(
        resource.RLIMIT_CORE, (0, 0)
    )  # what a crash would write is all of a model, and what was said to it
    os.umask(0o077)  # what it writes is what people said to it
    wanted = json.loads(sys.stdin.readline())
    _die_with_parent(wanted["parent"])
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(wanted))
    except (RuntimeError, ValueError) as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        os._exit(1)
    print(json.dumps({"address": server.listening_address}), flush=True)  # noqa: T201
    sys.stdin.read()  # returns when the box closes its end, or is gone
    os._exit(0)  # the model's memory is the system's to take back; tearing it down in order takes longer and can hang


if __name__ == "__main__":
    main()

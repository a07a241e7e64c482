"""The shipped engine loads a real model, and its own buffers are what we predicted from the header."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinderbox.models.gguf import read_card
from tinderbox.plan.footprint import footprint
from tinderbox.plan.settings import Settings

ASK = Path(__file__).parents[2] / "scripts" / "ask_engine.py"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads a C++ map of libstdc++")]


def loaded(file: Path, settings: Settings) -> dict[str, Any]:
    row = {
        "context": settings.context,
        "ubatch": settings.ubatch,
        "sequences": settings.parallel,
        "kv_type": settings.kv_type,
        "flash_attention": int(settings.flash_attention),
        "unified": int(settings.unified),
        "outputs": settings.outputs or 0,
    }
    question = json.dumps({"file": str(file), "rows": [row], "load": True})
    done = subprocess.run([sys.executable, str(ASK)], input=question, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)[0]
    return answer


@pytest.mark.parametrize(
    "settings",
    [
        Settings(context=4096),
        Settings(context=8192, parallel=4, outputs=4),
        Settings(context=8192, parallel=4, unified=True, kv_type="q8_0", outputs=4),
        Settings(context=2048, flash_attention=False, outputs=1),
    ],
    ids=["one", "four", "four in one cache", "without flash attention"],
)
def test_the_starter_model_takes_what_we_say(starter: Path, settings: Settings) -> None:
    ours = footprint(read_card(starter), settings)

    theirs = loaded(starter, settings)

    assert (ours.weights, ours.context) == (theirs["weights_bytes"], theirs["context_bytes"])
    assert ours.compute == pytest.approx(theirs["compute_bytes"], rel=0.01)

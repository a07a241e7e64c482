"""The same model, known by its name and read from a file, is planned alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import gguf_headers

from tinderbox.models.config_json import text_settings
from tinderbox.models.gguf import read_card
from tinderbox.models.shapes import find_shape, full_name, shape
from tinderbox.plan.footprint import footprint
from tinderbox.plan.settings import Settings
from tinderbox.plan.work import kv_bytes_read, weight_bytes_read

MODELS = [
    ("SmolLM2-135M", "Q4_1"),
    ("mixtral-8x7b-v0.1", "Q4_K_M"),
    ("qwen3.5-35b-a3b", "Q4_K_M"),
    ("gemma-4-e4b", "Q8_0"),
    ("gpt-oss-20b", "MXFP4"),
    ("deepseek-v3.2", "Q2_K"),
    ("deepseek-v4-flash", "IQ3_XXS"),
    ("glm-5.2", "Q4_K_M"),
    ("minimax-m3", "Q4_K_M"),
    ("mimo-v2-flash", "Q4_K_M"),
    ("nemotron-3-nano-30b-a3b", "Q8_0"),
    ("granite-4.0-h-tiny", "Q4_K_M"),
    ("lfm2-1.2b", "Q4_K_M"),
]


@pytest.mark.parametrize(("name", "quantisation"), MODELS)
def test_a_header_is_planned_like_the_shape_of_that_name(name: str, quantisation: str, tmp_path: Path) -> None:
    known, settings = find_shape(name, quantisation), Settings(context=16_384, parallel=2)
    gguf_headers.write(tmp_path / "m.gguf", known, text_settings(shape(full_name(name))))

    read = read_card(tmp_path / "m.gguf")

    assert footprint(read, settings) == footprint(known, settings)
    assert weight_bytes_read(read, 4) == weight_bytes_read(known, 4)
    assert kv_bytes_read(read, 5000) == kv_bytes_read(known, 5000)

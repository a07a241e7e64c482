"""What we count, set against what the shipped engine says of the same models and settings."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinderbox.models.shapes import find_shape
from tinderbox.plan.footprint import Footprint, footprint
from tinderbox.plan.settings import Backend, Settings
from tinderbox.units import MiB

ORACLE = Path(__file__).with_name("memory_oracle.csv")


def rows() -> list[dict[str, str]]:
    with ORACLE.open() as file:
        return list(csv.DictReader(file))


def named(row: dict[str, str]) -> str:
    return "-".join(list(row.values())[:10])


def predicted(row: dict[str, str]) -> Footprint:
    settings = Settings(
        context=int(row["context"]),
        ubatch=int(row["ubatch"]),
        parallel=int(row["sequences"]),
        kv_type=row["kv_type"],
        flash_attention=row["flash_attention"] == "1",
        unified=row["unified"] == "1",
        outputs=int(row["outputs"]) or None,
    )
    return footprint(find_shape(row["model"], row["quantisation"]), settings)


@pytest.mark.parametrize("row", rows(), ids=named)
def test_weights_and_context_are_the_engines_to_the_byte(row: dict[str, str]) -> None:
    ours = predicted(row)

    assert (ours.weights, ours.context) == (int(row["weights_bytes"]), int(row["context_bytes"]))


@pytest.mark.parametrize("row", rows(), ids=named)
def test_the_engines_buffers_together_are_predicted_within_one_per_cent(row: dict[str, str]) -> None:
    ours = predicted(row)

    theirs = sum(int(row[name]) for name in ("weights_bytes", "context_bytes", "compute_bytes"))
    assert ours.weights + ours.context + ours.compute == pytest.approx(theirs, rel=0.01)


def test_the_oracle_has_many_architectures() -> None:
    assert len({row["architecture"] for row in rows()}) >= 30


def test_a_footprint_is_the_sum_of_its_parts() -> None:
    whole = footprint(find_shape("llama-3.1-8b"), Settings())

    assert whole.total == whole.weights + whole.context + whole.compute + whole.output + whole.overhead


def test_a_quantised_cache_takes_little_more_than_half() -> None:
    card = find_shape("llama-3.1-8b")

    half = footprint(card, Settings(kv_type="q8_0")).context / footprint(card, Settings()).context

    assert half == pytest.approx(34 / 64)


def test_a_gpu_holds_a_tied_embedding_a_second_time() -> None:
    card = find_shape("gemma-3-4b", "Q4_0")

    more = footprint(card, Settings(backend=Backend.CUDA)).weights - footprint(card, Settings()).weights

    assert more == next(tensor.size for tensor in card.tensors if tensor.name == "token_embd.weight")


def test_the_table_in_the_docs_is_the_one_that_is_measured() -> None:
    page = (ORACLE.parents[2] / "docs" / "plan.md").read_text()

    script = [sys.executable, str(ORACLE.parents[2] / "scripts" / "memory_errors.py")]
    measured = subprocess.run(
        script, capture_output=True, text=True, check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert measured.stdout.strip() in page


def test_a_gpus_estimate_is_no_less_than_what_its_log_shows() -> None:
    """llama.cpp's log for gpt-oss-120b on CUDA, batches of 512: 398.38 MiB on the device."""
    settings = Settings(context=8192, backend=Backend.CUDA)

    estimate = footprint(find_shape("gpt-oss-120b"), settings).compute

    assert 398.38 * MiB <= estimate <= 460 * MiB

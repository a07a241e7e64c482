from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.fuzz import Fuzzed, ask, fuzz_apart, mutated, seeds
from tinderbox.units import MiB

SEEDS = seeds()
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def fuzzed() -> Fuzzed:
    return fuzz_apart(count=2000, seed=7)


@settings(max_examples=300, deadline=None, suppress_health_check=CHECKS)
@given(content=st.sampled_from(SEEDS), chance=st.randoms(use_true_random=False))
def test_a_mutated_header_gives_a_card_or_a_refusal(content: bytes, chance: random.Random, tmp_path: Path) -> None:
    assert ask(mutated(content, chance), tmp_path / "x.gguf") in {"card", "refused"}


@settings(max_examples=300, deadline=None, suppress_health_check=CHECKS)
@given(content=st.binary(max_size=400))
def test_random_bytes_behind_the_magic_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    assert ask(b"GGUF\x03\x00\x00\x00" + content, tmp_path / "x.gguf") in {"card", "refused"}


@pytest.mark.parametrize("kind", ["small.gguf", "large.gguf", "config.json", "model.safetensors"])
def test_the_fuzz_meets_both_cards_and_refusals(kind: str, fuzzed: Fuzzed) -> None:
    assert fuzzed.answers[f"{kind} read"] > 0
    assert fuzzed.answers[f"{kind} refused"] > 0


def test_thousands_of_wounded_headers_are_read_with_little_memory(fuzzed: Fuzzed) -> None:
    assert fuzzed.answers.total() == 2000
    assert fuzzed.most_memory < 200 * MiB


def test_a_huge_file_of_nothing_is_refused_with_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hollow.gguf"
    path.write_bytes(SEEDS[0][:24])
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    tracemalloc.start()

    answer = ask_in_place(path)

    assert answer == "refused"
    assert tracemalloc.get_traced_memory()[1] < 16 * MiB
    tracemalloc.stop()


def ask_in_place(path: Path) -> str:
    from tinderbox.errors import BadModelFile
    from tinderbox.models.gguf import read_card

    try:
        read_card(path)
    except BadModelFile:
        return "refused"
    return "card"

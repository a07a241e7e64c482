from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.fuzz import ask, fuzz, mutated, seeds
from tinderbox.units import MiB

SEEDS = seeds()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from(SEEDS), chance=st.randoms(use_true_random=False))
def test_a_mutated_header_gives_a_card_or_a_refusal(content: bytes, chance: random.Random, tmp_path: Path) -> None:
    assert ask(mutated(content, chance), tmp_path / "x.gguf") in {"card", "refused"}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_random_bytes_behind_the_magic_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    assert ask(b"GGUF\x03\x00\x00\x00" + content, tmp_path / "x.gguf") in {"card", "refused"}


def test_the_fuzz_meets_both_cards_and_refusals() -> None:
    counts = fuzz(seconds=1.0, seed=7)

    assert counts["card"] > 0
    assert counts["refused"] > 0


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

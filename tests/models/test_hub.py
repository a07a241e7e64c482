from __future__ import annotations

import pytest

from tinderbox.errors import NotFound
from tinderbox.models.hub import choose

FILES = [
    "README.md",
    "mmproj-model-f16.gguf",
    "model-Q4_K_M.gguf",
    "model-Q8_0.gguf",
    "Q2_K/model-Q2_K-00001-of-00002.gguf",
    "Q2_K/model-Q2_K-00002-of-00002.gguf",
    "model-UD-Q4_K_XL.gguf",
]


@pytest.mark.parametrize(
    ("wanted", "files"),
    [
        (None, ["model-Q4_K_M.gguf"]),
        ("q8_0", ["model-Q8_0.gguf"]),
        ("Q2_K", ["Q2_K/model-Q2_K-00001-of-00002.gguf", "Q2_K/model-Q2_K-00002-of-00002.gguf"]),
        ("model-Q2_K-00001-of-00002.gguf", FILES[4:6]),
        ("model-Q8_0.gguf", ["model-Q8_0.gguf"]),
        ("UD-Q4_K_XL", ["model-UD-Q4_K_XL.gguf"]),
    ],
)
def test_a_word_picks_one_model_of_a_repository(wanted: str | None, files: list[str]) -> None:
    assert choose("org/model", FILES, wanted) == files


def test_a_quantisation_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="it has Q2_K, Q4_K_M, Q8_0, UD-Q4_K_XL"):
        choose("org/model", FILES, "Q5_K_M")


def test_two_files_of_one_quantisation_are_named() -> None:
    with pytest.raises(NotFound, match="several files for 'Q8_0'"):
        choose("org/model", ["a-Q8_0.gguf", "b-Q8_0.gguf"], "Q8_0")


def test_the_only_file_needs_no_word() -> None:
    assert choose("org/model", ["anything.gguf"], None) == ["anything.gguf"]


def test_a_repository_of_other_formats_is_told_so() -> None:
    with pytest.raises(NotFound, match=r"no \.gguf file"):
        choose("org/model", ["model.safetensors"], None)

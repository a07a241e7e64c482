from __future__ import annotations

import pytest

from tinderbox.models.ggml import FILE_TYPES, TYPES


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("F32", 32),
        ("BF16", 16),
        ("Q8_0", 8.5),
        ("Q6_K", 6.5625),
        ("Q5_K", 5.5),
        ("Q4_K", 4.5),
        ("Q4_0", 4.5),
        ("MXFP4", 4.25),
        ("NVFP4", 4.5),
        ("IQ4_XS", 4.25),
        ("Q3_K", 3.4375),
        ("IQ3_XXS", 3.0625),
        ("Q2_K", 2.625),
        ("IQ2_XXS", 2.0625),
        ("TQ1_0", 1.6875),
        ("IQ1_S", 1.5625),
    ],
)
def test_a_weight_takes_the_bits_that_its_type_is_known_for(name: str, bits: float) -> None:
    kind = next(kind for kind in TYPES.values() if kind.name == name)

    assert kind.size * 8 / kind.elements == bits


def test_types_have_names_of_their_own() -> None:
    assert len({kind.name for kind in TYPES.values()}) == len(TYPES)


def test_file_types_are_called_as_people_call_them() -> None:
    assert (FILE_TYPES[1], FILE_TYPES[7], FILE_TYPES[15], FILE_TYPES[38]) == ("F16", "Q8_0", "Q4_K_M", "MXFP4")

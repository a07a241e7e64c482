from __future__ import annotations

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.plan.settings import Settings


def test_a_context_of_nothing_is_refused() -> None:
    with pytest.raises(WrongUsage, match="--context must be at least 1, not 0"):
        Settings(context=0)


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(WrongUsage, match="--depth must not be negative, but is -1"):
        Settings(depth=-1)


def test_a_misspelt_cache_type_names_the_nearest() -> None:
    with pytest.raises(WrongUsage, match="Did you mean q8_0"):
        Settings(kv_type="q8")


def test_a_quantised_cache_needs_flash_attention() -> None:
    with pytest.raises(WrongUsage, match="needs flash attention"):
        Settings(kv_type="q4_0", flash_attention=False)

from __future__ import annotations

import pytest

from tinderbox import models


def test_every_public_name_can_be_had() -> None:
    assert [name for name in models.__all__ if getattr(models, name, None) is None] == []


def test_other_names_are_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = models.nothing

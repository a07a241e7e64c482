"""`Outside`: what tools reach beyond their desk, handed to them by whoever runs the agent, so that they know neither
the box nor its models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

Embed = Callable[[str, Sequence[str]], list[list[float]]]  # of a model: one vector a text, in order


@dataclass(frozen=True, slots=True)
class Outside:
    """`indices` is the folder in which search tools keep what they know of documents. What tools open is closed with
    `closing`."""

    indices: Path
    embed: Embed
    closing: ExitStack = field(default_factory=ExitStack, compare=False)

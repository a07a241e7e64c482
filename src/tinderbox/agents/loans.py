"""`Loans`: the secrets by which runs speak to the box, each good for a few questions to its models while its process
runs."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tinderbox.keys import digest_of, split

LENT = "run"  # the id in each of these keys
PATHS = frozenset({"/v1/chat/completions", "/v1/embeddings"})


@dataclass(frozen=True, slots=True)
class Loan:
    """`models` are all that it may ask."""

    digest: bytes
    models: frozenset[str]


class Loans:
    """Those of one box."""

    def __init__(self) -> None:
        self._open: list[Loan] = []

    @contextmanager
    def lend(self, models: frozenset[str]) -> Iterator[str]:
        """The key, until the block ends."""
        secret = secrets.token_urlsafe(32)
        loan = Loan(digest_of(secret), models)
        self._open.append(loan)
        try:
            yield f"tb_{LENT}_{secret}"
        finally:
            self._open.remove(loan)

    def find(self, presented: str) -> Loan | None:
        """Whose that is; None where it is none of ours, or not any more."""
        name, secret = split(presented)
        digest = digest_of(secret)
        fitting = [loan for loan in self._open if hmac.compare_digest(loan.digest, digest)]
        return fitting[0] if fitting and name == LENT else None

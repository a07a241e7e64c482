"""What pip says, as errors with a remedy."""

import pytest

from tinderbox.environments.pip import explain
from tinderbox.errors import DownloadFailed, NoRoom, TinderboxError

ABSENT = "ERROR: No matching distribution found for a==1"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (["ERROR: Could not install: [Errno 28] No space left on device"], NoRoom, "The disk filled up"),
        (["WARNING: Retrying (Retry(total=4", ABSENT], DownloadFailed, "could not be reached for a==1"),
        ([ABSENT], DownloadFailed, "has no a==1 for this machine"),
        (["a", "ERROR: Something new"], TinderboxError, "Something new"),
        (["only", "words"], TinderboxError, "only words"),
    ],
)
def test_it_is_told_apart(said: list[str], kind: type[TinderboxError], words: str) -> None:
    error = explain(said)

    assert (type(error), words in error.what) == (kind, True)

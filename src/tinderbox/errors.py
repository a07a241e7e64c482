"""What can go wrong, in one tree. Each error says what happened and why, and offers a remedy where there is one.

TinderboxError
├── WrongUsage           the words of a command or of the configuration (exit status 2)
├── BadRequest           a request's body: names the field (HTTP 400)
│   ├── PromptTooLong    more tokens than the context holds
│   ├── WrongMethod      a path that is not asked in that way (HTTP 405)
│   └── TooLarge         more bytes than a body may have (HTTP 413)
├── KeyNeeded            no key, or none that is valid (HTTP 401)
├── NotAllowed           not with this key, or not from there (HTTP 403)
├── NotFound             no such model, job, file ... with the nearest names (HTTP 404)
│   ├── NoSuchJob        no job of that number
│   ├── NoSuchRun        no run of an agent of that number
│   ├── NoSuchFile       no file kept by that name
│   ├── NoSuchResponse   no response kept by that name
│   └── NoSuchPath       nothing is served there
├── BadModelFile         a model file that our reader refuses, with the place in the file
├── DoesNotFit           more memory than there is or can be made free (exit status 3)
├── NoRoom               more than the disk can take (HTTP 507)
├── BoxNotRunning        a command that needs the box found none (exit status 4)
├── Conflict             somebody else holds it: the port, the home folder, a model in use (HTTP 409)
│   └── NotAdded         needs a capability that was not added to this box
├── Unavailable          not now; try again later (HTTP 503, Retry-After)
│   └── LimitReached     a key has used up what it may (HTTP 429, Retry-After)
├── EngineFailed         the engine's process died or could not load (HTTP 502)
└── DownloadFailed       a download that ended early, did not verify, or found no room
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TinderboxError(Exception):
    """The root of the tree: `what` happened and why, and the `remedy` a person can act on."""

    exit_status = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class WrongUsage(TinderboxError):
    exit_status = 2


class BadRequest(TinderboxError):
    """A request that cannot be answered as it is; `field` names the part of the body."""

    def __init__(self, what: str, remedy: str = "", field: str | None = None) -> None:
        super().__init__(what, remedy)
        self.field = field


class PromptTooLong(BadRequest):
    """`holds` is how many tokens would have fitted, where that is known."""

    def __init__(self, what: str, remedy: str = "", field: str | None = None, holds: int | None = None) -> None:
        super().__init__(what, remedy, field)
        self.holds = holds


class WrongMethod(BadRequest):
    pass


class TooLarge(BadRequest):
    pass


class KeyNeeded(TinderboxError):
    pass


class NotAllowed(TinderboxError):
    pass


class NotFound(TinderboxError):
    pass


class NoSuchResponse(NotFound):
    pass


class NoSuchPath(NotFound):
    pass


class NoSuchJob(NotFound):
    pass


class NoSuchRun(NotFound):
    pass


class NoSuchFile(NotFound):
    pass


class BadModelFile(TinderboxError):
    pass


class DoesNotFit(TinderboxError):
    exit_status = 3


class NoRoom(TinderboxError):
    pass


class BoxNotRunning(TinderboxError):
    exit_status = 4


class Conflict(TinderboxError):
    pass


class NotAdded(Conflict):
    pass


class Unavailable(TinderboxError):
    """Not now: `retry_after` is in seconds."""

    def __init__(self, what: str, remedy: str = "", retry_after: int = 5) -> None:
        super().__init__(what, remedy)
        self.retry_after = retry_after


class LimitReached(Unavailable):
    pass


class EngineFailed(TinderboxError):
    pass


class DownloadFailed(TinderboxError):
    pass


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean qwen3:8b or qwen3:4b?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else ""

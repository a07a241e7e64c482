"""`Deed`: who did what to keys, models, jobs and the box, and how it ended; `Audit` writes it down."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tinderbox.errors import TinderboxError
from tinderbox.state import opened, writing

KEPT = 50_000  # deeds; the oldest go first
HERE = "this machine"  # who did it where no key was needed; no key's name has a space
DONE = "done"
_LONGEST = 500  # letters of a target or an outcome
_SECRETS = (
    (re.compile(r"\btb_([0-9a-z]+)_[\w-]+"), r"tb_\1_..."),  # a key that was taken for a name
    (re.compile(r"(\w://)[^/\s]*@"), r"\1"),  # a password in an address
    (re.compile(r"(\w://[^\s?#]*)[?#]\S*"), r"\1"),  # a token behind it
)


@dataclass(frozen=True, slots=True)
class Deed:
    """At a time, somebody did something to a target; `outcome` is "done", what came of it, or why nothing did."""

    at: datetime
    who: str
    what: str
    target: str
    outcome: str

    def as_json(self) -> dict[str, str]:
        return {**asdict(self), "at": self.at.isoformat()}


def deed(who: str, what: str, target: str, outcome: str = DONE) -> Deed:
    """What has happened just now, without the secrets that names and addresses can hold."""
    return Deed(datetime.now(UTC), who, what, without_secrets(target), without_secrets(outcome))


def without_secrets(text: str) -> str:
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text[:_LONGEST]


@contextmanager
def noting(take: Callable[[Deed], None], who: str, what: str, target: str) -> Iterator[Callable[[str], None]]:
    """Notes what is done inside with its end, however it ends; gives what to call where the outcome has words."""
    outcome = DONE

    def say(words: str) -> None:
        nonlocal outcome
        outcome = words

    try:
        yield say
    except TinderboxError as error:
        say(f"failed: {error.what}")
        raise
    except BaseException as error:  # Ctrl-C too: it was begun
        say(f"broken off ({type(error).__name__})")
        raise
    finally:
        take(deed(who, what, target, outcome))


def keep_deeds(home: Path, deeds: Sequence[Deed]) -> None:
    rows = [(d.at.isoformat(timespec="milliseconds"), d.who, d.what, d.target, d.outcome) for d in deeds]
    with opened(home) as db, writing(db):
        db.executemany("INSERT INTO audit (at, who, what, target, outcome) VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?", [KEPT])


def read_deeds(home: Path, limit: int = 20) -> list[Deed]:
    """The newest `limit` deeds, the oldest of them first."""
    with opened(home) as db:
        rows = db.execute(
            "SELECT at, who, what, target, outcome FROM audit ORDER BY number DESC LIMIT ?", [limit]
        ).fetchall()
    return [Deed(datetime.fromisoformat(at), *rest) for at, *rest in reversed(rows)]


def noting_here(home: Path, what: str, target: str) -> AbstractContextManager[Callable[[str], None]]:
    """For a command that changes something without the box."""

    def keep(done: Deed) -> None:
        with suppress(TinderboxError):  # a state that is busy or broken: the command has its own words for that
            keep_deeds(home, [done])

    return noting(keep, HERE, what, target)


class Audit:
    """Writes deeds down in a thread, in their order, so that no request waits."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._unwritten: list[Deed] = []
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def take(self, done: Deed) -> None:
        self._unwritten.append(done)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.write())

    async def write(self) -> None:
        """Returns when all that was taken is in the state."""
        async with self._one_at_a_time:
            while self._unwritten:
                taken, self._unwritten = self._unwritten, []
                with suppress(TinderboxError):  # a full disk, or a state that is busy: a line is lost, no work
                    await asyncio.to_thread(keep_deeds, self.home, taken)

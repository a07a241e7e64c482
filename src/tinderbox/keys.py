"""`Key`: who may use the box, for what, how much and until when. Of its secret only a hash is kept.

A key reads `tb_ID_SECRET`. The id is public and finds the key; the secret has 256 random bits, so one SHA-256 of it is
as good as a slow hash, and costs a request nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from tinderbox.errors import Conflict, NotFound, WrongUsage, did_you_mean
from tinderbox.state import opened, writing

Scope = Literal["chat", "models", "jobs", "metrics", "admin"]
OWN = "local"  # the id of the key that a box makes for the command line of its own home
ONCE = "once"  # the id of what begins a session of a browser, one time
SCOPES: tuple[Scope, ...] = get_args(Scope)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DURATION = re.compile(r"(\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CHANGED = "keys.changed"  # written whenever a key changes: a running box looks at it, not at the database
_KEPT_DAYS = 31


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may use; None is no limit. A day is one of UTC."""

    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    id: str
    digest: bytes
    scopes: frozenset[Scope]
    limits: Limits
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def opens(self, secret: str) -> bool:
        """Whether this is its secret, in the same time whichever of its letters is wrong."""
        return hmac.compare_digest(self.digest, digest_of(secret))

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    def allows(self, wanted: Iterable[Scope]) -> bool:
        return "admin" in self.scopes or not self.scopes.isdisjoint(wanted)

    def as_json(self, now: datetime) -> dict[str, Any]:
        return {
            "name": self.name,
            "id": self.id,
            "scopes": sorted(self.scopes),
            "state": self.state(now),
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat() if self.expires else None,
            "requests_per_minute": self.limits.requests_per_minute,
            "tokens_per_day": self.limits.tokens_per_day,
            "at_once": self.limits.at_once,
        }


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def split(presented: str) -> tuple[str, str]:
    """The id and the secret of what a client presented; both empty where it has not the form of a key."""
    prefix, _, rest = presented.partition("_")
    key, _, secret = rest.partition("_")
    return (key, secret) if prefix == "tb" else ("", "")


def make_key(
    name: str,
    scopes: Iterable[str] = ("chat",),
    limits: Limits = Limits(),
    *,
    lasts: timedelta | None = None,
    now: datetime | None = None,
) -> tuple[Key, str]:
    """A new key, and the only text that opens it. Raises WrongUsage for a name or a scope that cannot be."""
    if not _NAME.fullmatch(name):
        raise WrongUsage(f"'{name}' is no name for a key.", "Use letters, digits and . _ @ -, at most 64.")
    asked = list(scopes)
    for scope in asked:
        if scope not in SCOPES:
            raise WrongUsage(
                f"'{scope}' is no scope.", did_you_mean(scope, SCOPES) or f"There are {', '.join(SCOPES)}."
            )
    created = (now or datetime.now(UTC)).replace(microsecond=0)
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    allowed = frozenset(scope for scope in SCOPES if scope in asked)
    made = Key(name, key, digest_of(secret), allowed, limits, created, created + lasts if lasts else None)
    return made, f"tb_{key}_{secret}"


def read_duration(text: str) -> timedelta:
    """`30d` as thirty days; m, h, d and w are known. Raises WrongUsage."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise WrongUsage(f"'{text}' is no span of time.", "Write 90m, 12h, 30d or 4w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def add_key(home: Path, key: Key) -> None:
    """Raises Conflict where a key of that name is in use; a revoked or expired one makes room."""
    row = (
        key.id,
        key.name,
        key.digest,
        ",".join(sorted(key.scopes)),
        key.limits.requests_per_minute,
        key.limits.tokens_per_day,
        key.limits.at_once,
        key.created.isoformat(),
        key.expires.isoformat() if key.expires else None,
    )
    with opened(home) as db, writing(db):
        before = next((old for old in _keys(db) if old.name == key.name), None)
        if before is not None and before.state(key.created) == "valid":
            raise Conflict(f"There is a key '{key.name}'.", f"Revoke it first: tinderbox key revoke {key.name}")
        db.execute("DELETE FROM keys WHERE name = ?", [key.name])
        db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
    _tell(home)


def read_keys(home: Path) -> list[Key]:
    """Every key, by name, the revoked ones too."""
    with opened(home) as db:
        return _keys(db)


def revoke_key(home: Path, name: str, *, forget: bool = False, now: datetime | None = None) -> None:
    """From the next request on it opens nothing; `forget` removes every trace of it. Raises NotFound."""
    at = (now or datetime.now(UTC)).replace(microsecond=0).isoformat()
    with opened(home) as db, writing(db):
        names = [key.name for key in _keys(db)]
        if name not in names:
            raise NotFound(f"There is no key '{name}'.", did_you_mean(name, names) or "See: tinderbox key list")
        if forget:
            db.execute("DELETE FROM keys WHERE name = ?", [name])
        else:
            db.execute("UPDATE keys SET revoked = coalesce(revoked, ?) WHERE name = ?", [at, name])
    _tell(home)


def read_tokens(home: Path, day: date) -> dict[str, int]:
    """Tokens used on that day, by the key's id."""
    with opened(home) as db:
        return dict(db.execute("SELECT key, tokens FROM key_tokens WHERE day = ?", [day.isoformat()]).fetchall())


def write_tokens(home: Path, day: date, tokens: dict[str, int]) -> None:
    """Of keys that were forgotten meanwhile nothing is kept."""
    rows = [(key, day.isoformat(), count, key) for key, count in tokens.items()]
    with opened(home) as db, writing(db):
        db.executemany(
            "INSERT OR REPLACE INTO key_tokens SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM keys WHERE id = ?)", rows
        )
        db.execute("DELETE FROM key_tokens WHERE day < ?", [(day - timedelta(days=_KEPT_DAYS)).isoformat()])


def last_change(home: Path) -> tuple[int, int] | None:
    """Differs whenever a key was made or revoked; None where none ever was. Costs one look at a file."""
    try:
        seen = (home / _CHANGED).stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns


@contextmanager
def own_key(home: Path) -> Iterator[str]:
    """A key for the command line of this home, in a file that only its owner can read, for as long as the box runs."""
    text = f"tb_{OWN}_{secrets.token_urlsafe(32)}"
    path, unfinished = own_key_file(home), home / "box.key.new"
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
    try:
        yield text
    finally:
        path.unlink(missing_ok=True)


def own_key_file(home: Path) -> Path:
    return home / "box.key"


def _tell(home: Path) -> None:
    unfinished = home / f"{_CHANGED}.{secrets.token_hex(4)}"
    unfinished.touch(mode=0o600)
    unfinished.replace(home / _CHANGED)


def _keys(db: sqlite3.Connection) -> list[Key]:
    rows = db.execute("SELECT * FROM keys ORDER BY name")
    rows.row_factory = sqlite3.Row
    return [_key(row) for row in rows]


def _key(row: sqlite3.Row) -> Key:
    created, expires, revoked = (
        datetime.fromisoformat(row[at]) if row[at] else None for at in ("created", "expires", "revoked")
    )
    assert created is not None  # noqa: S101  (the schema says so)
    scopes = frozenset(scope for scope in SCOPES if scope in row["scopes"].split(","))
    limits = Limits(row["requests_per_minute"], row["tokens_per_day"], row["at_once"])
    return Key(row["name"], row["id"], row["digest"], scopes, limits, created, expires, revoked)

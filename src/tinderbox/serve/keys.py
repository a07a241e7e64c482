"""`Door`: each request is let in by its key, its scope and its limits, or refused before any of its body is read."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinderbox.agents.loans import LENT, Loans
from tinderbox.errors import KeyNeeded, TinderboxError
from tinderbox.keys import ONCE, OWN, Key, Limits, digest_of, last_change, read_keys, read_tokens, split, write_tokens
from tinderbox.models.reach import Reach, within
from tinderbox.serve.caller import Caller
from tinderbox.serve.limits import Allowance, day_of
from tinderbox.serve.scopes import is_public
from tinderbox.serve.sessions import Sessions, session_of
from tinderbox.serve.shapes import error_response

_TRUST = 5.0  # seconds that keys in memory are believed without a look at the state
_LOOK_EVERY = 2.0  # seconds between looks at the key of a request that takes long
_WRITE_EVERY = 10.0  # seconds between two writings of the tokens used
_NOBODY = digest_of("")  # compared with where there is no such key, so that it takes as long as a wrong secret


class Keyring:
    """The keys of a home as a running box knows them, and what each has used.

    `own` is the key that the box made for the command line of its home. `closed` wants a key even where none was made
    yet: the box can be reached from elsewhere. `loans` are what runs of agents were lent. `clock` gives seconds since
    1970.
    """

    def __init__(
        self,
        home: Path,
        *,
        own: str = "",
        closed: bool = False,
        loans: Loans | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.sessions = Sessions(clock)
        self._home = home
        self._own = digest_of(split(own)[1]) if own else None
        self._closed = closed
        self._loans = loans or Loans()
        self._keys: dict[str, Key] = {}
        self._seen: tuple[int, int] | None = None
        self._read_at = self._written_at = clock()
        self._allowances: dict[str, Allowance] = {}
        self._unwritten: set[str] = set()
        self._writing: asyncio.Task[None] | None = None
        self._begun = day_of(clock())
        self._tokens = read_tokens(home, self._begun)
        self._read()

    def caller(self, presented: str, session: str = "") -> Caller:
        """Whose key that is, or, without one, whose session. Raises KeyNeeded where one is needed, and it is none."""
        if presented.startswith(f"tb_{LENT}_"):
            return self._borrower(presented)
        self._look()
        if not self._keys and not self._closed:
            return self._person()
        holder = self._holder(presented) if presented else self.sessions.holder(session)
        if holder == OWN:
            return self._person(OWN)
        key = self._keys.get(holder or "")
        if key is None:
            what = "That is no key of this box." if presented else "This box wants a key."
            raise KeyNeeded(what, "Send one as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.")
        state = key.state(datetime.fromtimestamp(self.clock(), UTC))
        if state != "valid":
            raise KeyNeeded(f"That key is {state}.", "Ask whoever runs the box for another.")
        return Caller(key, self._allowance(key.id), key.id, lambda tokens: self._spend(key.id, tokens))

    async def until_closed(self, caller: Caller) -> None:
        """Return once the caller's key opens nothing any more; never for the person at this machine."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if caller.key is not None and not self._is_valid(caller.key.id):
                return

    def _is_valid(self, id: str) -> bool:
        self._look()
        key = self._keys.get(id)
        return key is not None and key.state(datetime.fromtimestamp(self.clock(), UTC)) == "valid"

    async def write(self) -> None:
        """Keep what was used, for the next box on this home."""
        if self._unwritten:
            today = day_of(self.clock())
            used = {key: self._allowances[key] for key in self._unwritten}
            tokens = {key: allowance.tokens for key, allowance in used.items() if allowance.day == today}
            self._unwritten = set()
            with suppress(TinderboxError):  # a busy state: a few seconds of counting are lost, no answer
                await asyncio.to_thread(write_tokens, self._home, today, tokens)

    def _borrower(self, presented: str) -> Caller:
        loan = self._loans.find(presented)
        if loan is None:
            raise KeyNeeded("That key was a run's, which has ended.")
        return Caller(None, Allowance(day_of(self.clock())), LENT, loan=loan)

    def _person(self, holder: str = "") -> Caller:
        return Caller(None, Allowance(day_of(self.clock())), holder)

    def _holder(self, presented: str) -> str | None:
        """The id of the key that this is; None where it is none, or its secret is wrong."""
        name, secret = split(presented)
        if name == ONCE:
            return self.sessions.redeem(secret)
        if name == OWN and self._own is not None:
            return OWN if hmac.compare_digest(self._own, digest_of(secret)) else None
        key = self._keys.get(name)
        fits = key.opens(secret) if key else hmac.compare_digest(_NOBODY, digest_of(secret or "x"))
        return name if fits else None

    def _allowance(self, key: str) -> Allowance:
        if key not in self._allowances:
            self._allowances[key] = Allowance(self._begun, tokens=self._tokens.get(key, 0))
        return self._allowances[key]

    def _spend(self, key: str, tokens: int) -> None:
        self._allowance(key).tokens += tokens
        self._unwritten.add(key)
        if self.clock() - self._written_at > _WRITE_EVERY:
            self._written_at = self.clock()
            self._writing = asyncio.create_task(self.write())

    def _look(self) -> None:
        if last_change(self._home) != self._seen or self.clock() - self._read_at > _TRUST:
            with suppress(TinderboxError):  # a state that is busy: what was known holds, no key opens by that
                self._read()

    def _read(self) -> None:
        self._seen, self._read_at = last_change(self._home), self.clock()
        self._keys = {key.id: key for key in read_keys(self._home)}


class Door:
    """Before the routes: who asks is put into the request's state as `caller`. A request's names lead to no file,
    unless the person at this machine said them, and to no address of a private network but those of `fetch`."""

    def __init__(self, app: ASGIApp, ring: Keyring, fetch: tuple[str, ...] = ()) -> None:
        self._app = app
        self._ring = ring
        self._fetch = fetch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_public(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        # What is asked through MCP works by a request of its own, which is counted.
        works = scope["method"] not in ("GET", "HEAD") and scope["path"] != "/mcp"
        try:
            caller = self._ring.caller(presented(scope), session_of(scope))
            caller.check(scope["method"], scope["path"])
            caller.allowance.admit(caller.limits, self._ring.clock(), works=works)
        except TinderboxError as error:
            await error_response(scope, error)(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "caller": caller}
        try:
            with within(Reach(paths=caller.key is None and caller.loan is None, own=self._fetch)):
                async with self._while_valid(caller):
                    await self._app(scope, receive, self._telling(caller, send))
        finally:
            caller.allowance.leave(works=works)

    @asynccontextmanager
    async def _while_valid(self, caller: Caller) -> AsyncIterator[None]:
        """A key that is revoked ends what it began: the answer is cut off, as a stream may have no other end."""
        if caller.key is None:
            yield
            return
        request = asyncio.current_task()
        assert request is not None  # noqa: S101  (a coroutine runs in one)
        watch = asyncio.create_task(self._ring.until_closed(caller))
        watch.add_done_callback(lambda ended: None if ended.cancelled() else request.cancel())
        try:
            yield
        except asyncio.CancelledError:
            if not watch.done() or watch.cancelled():
                raise
            request.uncancel()
        finally:
            watch.cancel()

    def _telling(self, caller: Caller, send: Send) -> Send:
        """The same, with what is left of the key's limits in the answer's head."""
        if caller.limits == Limits():
            return send

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = caller.allowance.headers(caller.limits, self._ring.clock())
                message = {**message, "headers": [*message.get("headers", []), *left]}
            await send(message)

        return tell


def presented(scope: Scope) -> str:
    """The key that came with a request, by either header; empty where none did."""
    headers = dict[bytes, bytes](scope["headers"])
    way, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if way.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()

"""`LlamaCpp`: a model answered by llama.cpp in a child process of its own, through the `xllamacpp` wheel."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psutil

from tinderbox.engines.caches import Caches, Shelf
from tinderbox.engines.engine import Pulse, Reply, Settings
from tinderbox.engines.limits import Limit
from tinderbox.engines.proof import ask_queue, ask_token
from tinderbox.engines.slots import Shelves, restore_slots, save_slots
from tinderbox.engines.wire import ask
from tinderbox.errors import EngineFailed
from tinderbox.plan import settings as plan
from tinderbox.units import Bytes, format_bytes

_LAST_WORDS = 40  # lines of the child's log that are kept for an error message
# Its threads meet at every layer. Spinning there, they starve each other as soon as another process wants a core:
# asleep, they keep five times the speed (docs/log.md).
_PATIENT = {"OMP_WAIT_POLICY": "passive"}
# Slots tell what they hold, so that it can be asked for a token as it is (proof.py); of what they hold, the log gets
# no more than it must, and we drop that.
_OPEN_SLOTS = {"LLAMA_SERVER_SLOTS_DEBUG": "1", "LLAMA_SERVER_SLOTS_N_DIFF": "0"}
_PROMPTS = b" slot   operator(): "
_END_PATIENCE = 5.0  # seconds between asking a child to end and ending it
# Settings that leave the cache of a conversation as it is; any other one changes it, also one that is yet to come.
_SAME_CACHE = {"name", "path", "threads", "ubatch", "granted", "content", "adapters"}
_log = logging.getLogger(__name__)


def as_planned(settings: Settings) -> plan.Settings:
    """What the child's own parameters are to a plan: each slot has a cache of its own, and logits of one token."""
    return plan.Settings(
        context=settings.context * settings.parallel,
        parallel=settings.parallel,
        ubatch=settings.ubatch,
        outputs=settings.parallel,
    )


def shelf_of(settings: Settings, caches: Caches | None) -> Shelf | None:
    """Where a model's conversations are saved; None where they are not: a file outside the store can change unseen, and
    an encoder reads each text whole."""
    if caches is None or not caches.limit or settings.content is None or settings.embeds_only:
        return None
    return caches.shelf(settings.content, _read_with(settings))


def shelves_of(settings: Settings, caches: Caches | None) -> Shelves:
    """The base's shelf, and that of each adapter: what is read with one is of no use to another."""
    base = shelf_of(settings, caches)
    if base is None or caches is None or settings.content is None:
        return {}
    read_with, content = _read_with(settings), settings.content
    own = {n: caches.shelf(content, read_with, adapter=one.content) for n, one in enumerate(settings.adapters)}
    return {None: base} | own


def _read_with(settings: Settings) -> dict[str, object]:
    kept = {key: value for key, value in asdict(settings).items() if key not in _SAME_CACHE}
    return {"engine": f"xllamacpp {version('xllamacpp')}", **kept}


class LlamaCpp:
    """An `Engine`. `sockets` is a folder that only this user can enter; `log` takes the child's words; `limit` ends the
    child if it holds more than it was granted; `caches` keeps the conversations while it is not loaded."""

    def __init__(
        self,
        settings: Settings,
        sockets: Path,
        log: Path,
        limit: Limit | None = None,
        caches: Caches | None = None,
    ) -> None:
        self._settings = settings
        self._limit = limit
        self.shelf = shelf_of(settings, caches)
        self._shelves = shelves_of(settings, caches)
        self._primed: set[int] = set()  # tasks of slots that hold what was restored, and nothing newer
        self.socket = str(sockets / f"{secrets.token_hex(8)}.sock")
        self.secret = secrets.token_urlsafe(32)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._listener: asyncio.Task[None] | None = None
        self._loaded = False
        self._closing = False
        self._proving = asyncio.Lock()
        self._dear = False  # a token has a price with this model
        self._restored = False  # its slots hold conversations that it does not tell of
        self._failed: EngineFailed | None = None
        self._ask = partial(ask, self.socket, self.secret, reason=self._reason)

    async def load(self) -> None:
        await self._start()
        if self.shelf is None:
            return
        try:
            self._primed = await restore_slots(self._ask, self._shelves, self._settings.parallel)
            self._restored = any([await asyncio.to_thread(shelf.saves) for shelf in self._shelves.values()])
        except (EngineFailed, OSError) as error:
            _log.warning("%s: saved conversations could not be restored: %s", self._settings.name, error)
            await self._start_without_saves()

    async def _start(self) -> None:
        self._loaded = False
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tinderbox.engines.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_PATIENT | os.environ | _OPEN_SLOTS,
            start_new_session=True,  # a Ctrl-C in the box's terminal is for the box alone
        )
        self._listener = asyncio.create_task(self._listen(process))
        if self._limit:
            self._limit.hold(process)
        try:
            if self._closing:  # before there was a process to end
                raise EngineFailed(f"{self._settings.name} was stopped while it loaded.")
            first = await self._introduce(process)
            answer = json.loads(first) if first.startswith(b"{") else {}  # a crash may tell its story here
            if "address" not in answer:
                await process.wait()
                await self._listener
                raise self._reason() or EngineFailed(
                    f"{self._settings.name} could not be loaded: {self._explain(answer)}"
                )
            self._loaded = True
        except BaseException:
            await self.close()
            raise

    async def reply(self, path: str, body: bytes) -> Reply:
        async with self._proving:
            pass  # what is proved with a slot's own tokens must not meet a question in that slot
        try:
            return await self._ask(path, body)
        except EngineFailed as error:
            raise self._reason() or EngineFailed(
                f"{self._settings.name}: {error.what}", " ".join(self._errors())
            ) from error

    async def prove(self, *, token: bool) -> bool:
        async with self._proving:
            if not token or self._dear:
                await ask_queue(self._ask)
                return False
            had = await ask_token(self._ask, embeds_only=self._settings.embeds_only, restored=self._restored)
            self._dear = had == "dear"
            return had != "withheld"

    def pulse(self) -> Pulse | None:
        if self._process is None or self._process.returncode is not None:
            return None
        try:
            process = psutil.Process(self._process.pid)
            used, status = process.cpu_times(), process.status()
        except psutil.Error:
            return None
        if status == psutil.STATUS_ZOMBIE:
            return None
        return Pulse(used.user + used.system, status == psutil.STATUS_STOPPED)

    def fail(self, reason: EngineFailed) -> None:
        self._failed = reason
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def measured(self) -> Bytes | None:
        if self._process is None or self._process.returncode is not None:
            return None
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def grant(self, size: Bytes) -> None:
        if self._limit:
            self._limit.grant(size)

    async def wait_ended(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def close(self) -> None:
        self._closing = True
        await self._end(hears=self._loaded and await self._save())

    async def _start_without_saves(self) -> None:
        """Begin anew after a save that the engine could not bear: no save may keep a model from coming back."""
        if self._closing:
            raise EngineFailed(f"{self._settings.name} was stopped while it loaded.")
        for shelf in self._shelves.values():
            for save in await asyncio.to_thread(shelf.saves):
                shelf.drop(save, "the engine failed on it, or on one beside it")
        await self._end(hears=False)
        await self._start()

    async def _save(self) -> bool:
        """Save the conversations; False where the child does not hear us any more."""
        if self.shelf is None or self._process is None or self._process.returncode is not None:
            return True
        try:
            await save_slots(self._ask, self._shelves, self._primed)
        except (EngineFailed, OSError, TimeoutError) as error:
            _log.warning("%s: conversations were not saved: %s", self._settings.name, error or "it took too long")
            return not isinstance(error, TimeoutError)
        return True

    async def _end(self, *, hears: bool) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            if process.stdin:
                process.stdin.close()
            try:
                # While it loads, the binding holds the child's interpreter: it cannot hear us, so there is no asking.
                async with asyncio.timeout(_END_PATIENCE if hears else 0):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):  # it ended as we ceased to wait
                    process.kill()
                await process.wait()
        if self._listener:
            await self._listener
        if self._limit:
            await self._limit.release()
        self._forget_socket()

    def _reason(self) -> EngineFailed | None:
        """Why we ended the child; None where we did not."""
        return self._failed or (self._limit.error(self._settings.name) if self._limit else None)

    async def _introduce(self, process: asyncio.subprocess.Process) -> bytes:
        """Hand over the settings (not on the command line, where every user can read them) and await the first word."""
        assert process.stdin is not None  # noqa: S101  (asked for as a pipe)
        assert process.stdout is not None  # noqa: S101  (likewise)
        settings = self._settings
        wanted = {
            "parent": os.getpid(),
            "name": settings.name,
            "path": str(settings.path),
            "context": settings.context,
            "parallel": settings.parallel,
            "threads": settings.threads,
            "ubatch": settings.ubatch,
            "embeds_only": settings.embeds_only,
            "adapters": [str(adapter.path) for adapter in settings.adapters],
            "socket": self.socket,
            "secret": self.secret,
            "saves": f"{self.shelf.folder}/" if self.shelf else "",
        }
        try:
            process.stdin.write(json.dumps(wanted).encode() + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            return b""  # it is gone already; its last words are in the log
        return await process.stdout.readline()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the child's words: the last lines for an error, all of them in a log that starts anew with each load
        (on a full disk, what it takes of them). They are read to the end: a child stands still where nobody does."""
        assert process.stderr is not None  # noqa: S101  (asked for as a pipe)
        with self._log.open("wb", buffering=0) as log:
            while line := await process.stderr.readline():
                if _PROMPTS in line:
                    continue  # words of people's: no log's
                with suppress(OSError):
                    log.write(line)
                self._words.append(line.decode(errors="replace").rstrip())

    def _forget_socket(self) -> None:
        Path(self.socket).unlink(missing_ok=True)

    def _explain(self, answer: dict[str, str]) -> str:
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            held = format_bytes(self._settings.path.stat().st_size)
            return f"its process was ended by signal {-code} while it read {held}. {self._last_words()}"
        return self._last_words() or answer.get("error", "its process ended without a word.")

    def _errors(self) -> list[str]:
        return [line.split(" E ", 1)[1].strip() for line in self._words if " E " in line]

    def _last_words(self) -> str:
        said = self._errors() or [line for line in self._words if line.strip()][-3:]
        return " ".join(dict.fromkeys(said))[:600]

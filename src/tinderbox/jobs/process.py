"""A job's process, from its start to its end.

It is handed its orders as one JSON line on standard input, with its `number`, a `folder` of its own and what it has
`kept`. It says on standard output, one JSON object a line, any of: `progress` (0 to 1), `message`, `kept` (what need
not be done again; handed back at the next start), `result`, `error`, `metrics` (numbers of a `step`), `again` (true:
start me anew, with the memory that my kind now predicts), `rests` (what it waits for a person to say). Standard error,
and lines that are no JSON, go into its log. Status 0 means done, unless it rests or is to be started again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tinderbox.engines.limits import Limit, held_by
from tinderbox.errors import TinderboxError
from tinderbox.units import Bytes, MiB, format_bytes

END_PATIENCE = 10.0  # seconds between asking a job to end and ending it
_LONGEST_LINE = 16 * MiB
_LAST_WORDS, _LONGEST_WORDS = 3, 600  # lines; bytes
_PATIENT = {"OMP_WAIT_POLICY": "passive"}  # threads that wait for each other sleep: the cores are others' first


@dataclass(frozen=True, slots=True)
class Work:
    """What a job has to do: the command of its process, the memory that it is predicted to take, and its orders.

    `lends` makes what is added to the orders for as long as the process runs, and is taken back then. One that is
    `attended` does not step behind everybody else: somebody waits for it.
    """

    command: tuple[str, ...]
    predicted: Bytes
    orders: Mapping[str, Any] = field(default_factory=dict)
    lends: Callable[[], AbstractContextManager[Mapping[str, Any]]] = lambda: nullcontext({})
    attended: bool = False


class Process:
    """One start of a job: `log` takes its words, `limit` ends it if it holds more than it was granted."""

    def __init__(self, work: Work, log: Path, limit: Limit) -> None:
        self._work = work
        self._log = log
        self._limit = limit
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, orders: Mapping[str, Any], hear: Callable[[Mapping[str, Any]], None]) -> None:
        """To its end; `hear` is passed what it says. Cancelled, it ends the process first.

        Raises TinderboxError in the process's own words where it failed.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            begun = log.tell()
            self._process = process = await _start(self._work, log)
            try:
                self._limit.hold(process)
                error = await _listen(process, orders, log, hear)
                code = await process.wait()
            finally:
                await _end(process)
                overrun = self._limit.overrun()
                await self._limit.release()
        if overrun:
            raise TinderboxError(f"It was ended because it held {format_bytes(overrun)}, more than it was granted.")
        if code:
            raise TinderboxError(error or _explain(code, self._log, begun))

    def measured(self) -> Bytes | None:
        """What it holds now, with the processes that it has started; None while there is none."""
        if self._process is None or self._process.returncode is not None:
            return None
        return _held_by_tree(self._process.pid)


async def _start(work: Work, log: BinaryIO) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tinderbox.jobs.child",
        str(os.getpid()),
        "attended" if work.attended else "last",
        *work.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env=_PATIENT | os.environ,
        limit=_LONGEST_LINE,
        start_new_session=True,  # a Ctrl-C in the box's terminal is for the box alone
    )


async def _listen(
    process: asyncio.subprocess.Process,
    orders: Mapping[str, Any],
    log: BinaryIO,
    hear: Callable[[Mapping[str, Any]], None],
) -> str | None:
    """Hand over the orders and pass on what is said until nothing more is. Returns the error, if it said one."""
    assert process.stdin is not None  # noqa: S101  (asked for as a pipe)
    assert process.stdout is not None  # noqa: S101  (likewise)
    error = None
    with suppress(ConnectionError):  # it is gone already; its last words are in the log
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        await process.stdin.drain()
    while line := await process.stdout.readline():
        if (words := _words_of(line)) is None:
            log.write(line)
            log.flush()
        else:
            error = words.get("error", error)
            hear(words)
    return error


def _words_of(line: bytes) -> dict[str, Any] | None:
    try:
        words = json.loads(line)
    except ValueError:
        return None
    return words if isinstance(words, dict) else None


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_PATIENCE):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):  # it ended as we ceased to wait
            process.kill()
        await process.wait()


def _held_by_tree(pid: int) -> Bytes | None:
    held = held_by(pid)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if held is None or not children.exists():
        return held
    with suppress(OSError):
        held += sum(_held_by_tree(int(child)) or 0 for child in children.read_text().split())
    return held


def _explain(code: int, log: Path, begun: int) -> str:
    last = _last_words(log, begun)
    if code < 0:
        return f"Its process was ended by signal {-code} ({signal.Signals(-code).name}). {last}".strip()
    return last or f"Its process ended with status {code}."


def _last_words(log: Path, begun: int) -> str:
    with log.open("rb") as file:
        file.seek(max(begun, file.seek(0, os.SEEK_END) - _LONGEST_WORDS))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return " ".join(lines[-_LAST_WORDS:])

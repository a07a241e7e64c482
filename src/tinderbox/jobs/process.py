"""A job's process, from its start to its end.

It is handed its orders as one JSON line on standard input, with a `folder` of its own and what it has `kept`. It says
on standard output, one JSON object a line, any of: `progress` (0 to 1), `message`, `kept` (what need not be done again;
handed back at the next start), `result`, `error`. Standard error, and lines that are no JSON, go into its log. Status 0
means done.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tinderbox.errors import TinderboxError
from tinderbox.units import Bytes, MiB

END_PATIENCE = 10.0  # seconds between asking a job to end and ending it
_LONGEST_LINE = 16 * MiB
_LAST_WORDS, _LONGEST_WORDS = 3, 600  # lines; bytes
_PATIENT = {"OMP_WAIT_POLICY": "passive"}  # threads that wait for each other sleep: the cores are others' first


@dataclass(frozen=True, slots=True)
class Work:
    """What a job has to do: the command of its process, the memory that it is predicted to take, and its orders."""

    command: tuple[str, ...]
    predicted: Bytes
    orders: Mapping[str, Any] = field(default_factory=dict)


async def attend(
    command: tuple[str, ...], orders: Mapping[str, Any], log: Path, hear: Callable[[Mapping[str, Any]], None]
) -> None:
    """Run the command to its end, and pass on what it says. Cancelled, it ends the process first.

    Raises TinderboxError in the process's own words where it failed.
    """
    said: dict[str, Any] = {}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as words:
        begun = words.tell()
        process = await _start(command, words)
        try:
            await _hand_over(process, orders)
            async for line in _lines(process, words):
                said |= line
                hear(line)
            code = await process.wait()
        finally:
            await _end(process)
    if code:
        raise TinderboxError(said.get("error") or _explain(code, log, begun))


async def _start(command: tuple[str, ...], log: BinaryIO) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tinderbox.jobs.child",
        str(os.getpid()),
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env=_PATIENT | os.environ,
        limit=_LONGEST_LINE,
        start_new_session=True,  # a Ctrl-C in the box's terminal is for the box alone
    )


async def _hand_over(process: asyncio.subprocess.Process, orders: Mapping[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101  (asked for as a pipe)
    try:
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        await process.stdin.drain()
    except ConnectionError:
        pass  # it is gone already; its last words are in the log


async def _lines(process: asyncio.subprocess.Process, log: BinaryIO) -> Any:
    assert process.stdout is not None  # noqa: S101  (asked for as a pipe)
    while line := await process.stdout.readline():
        try:
            words = json.loads(line)
        except ValueError:
            words = None
        if isinstance(words, dict):
            yield words
        else:
            log.write(line)
            log.flush()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


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

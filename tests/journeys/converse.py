"""Talks with `tinderbox run MODEL` in a pseudo-terminal, as a person would, and prints what happened as JSON, and to
standard error what the terminal showed."""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time

ENTER, CTRL_C = b"\r", b"\x03"
LONG_WINDED = ["--temperature", "0", "--max-tokens", "2000"]  # the same story each time, and no short one
PROMPT = b"\x1b[?2004h"  # the terminal is told to mark what is pasted: the prompt is there


def read_until(terminal: int, wanted: bytes, seconds: float = 100) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
    print(seen, file=sys.stderr)
    return seen


def main() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        run = [sys.executable, "-m", "tinderbox", "run", sys.argv[1], *LONG_WINDED]
        os.execv(sys.executable, run)
    read_until(terminal, PROMPT)
    os.write(terminal, b"Tell me a very long story." + ENTER)
    read_until(terminal, b"\r\n")
    read_until(terminal, b"the")
    os.write(terminal, CTRL_C)
    stopped = b"(stopped)" in read_until(terminal, b"(stopped)")
    os.write(terminal, b"Say hello." + ENTER)
    answered = b"tokens/s (measured)" in read_until(terminal, b"context: ")
    os.write(terminal, b"/bye" + ENTER)
    _, status = os.waitpid(pid, 0)
    print(json.dumps({"stopped": stopped, "answered": answered, "status": os.waitstatus_to_exitcode(status)}))


main()

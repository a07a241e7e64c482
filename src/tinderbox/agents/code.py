"""What the tools `python` and `shell` do: run what a model wrote in the sandbox, and tell what came of it."""

from __future__ import annotations

from tinderbox.agents.desk import Desk
from tinderbox.agents.enclosure import interpreter
from tinderbox.agents.sandbox import Result


def run_python(desk: Desk, code: str) -> str:
    return tell(desk.run([interpreter(), "/run/main.py"], {"main.py": code.encode(errors="replace")}), "print()")


def run_shell(desk: Desk, command: str) -> str:
    return tell(desk.run(["sh", "/run/command"], {"command": command.encode(errors="replace")}))


def tell(result: Result, prints: str = "") -> str:
    """What it printed, then what it complained of, then how it ended if that was not well."""
    printed, complained = (text.decode(errors="replace").strip("\n") for text in (result.stdout, result.stderr))
    parts = [printed, f"[errors]\n{complained}" if complained else "", f"[{result.why}]" if result.why else ""]
    nothing = "It ended well and printed nothing." + (f" Use {prints} to see a value." if prints else "")
    return "\n".join(part for part in parts if part) or nothing

"""`Capability`: what can be added to the box, by name, and what each takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinderbox.environments.lock import Lock, read_lock
from tinderbox.errors import WrongUsage, did_you_mean
from tinderbox.units import MB, Bytes

LOCKS = Path(__file__).parent / "locks"


@dataclass(frozen=True, slots=True)
class Capability:
    """`imports` are the modules that prove it works. `download` and `installed` were measured on Linux, x86-64.

    `python` is the version that it needs (None: the box's own). Packages whose names begin as `large` says are fetched
    one by one, so that little is lost when one is broken off.
    """

    name: str
    purpose: str
    imports: tuple[str, ...]
    download: Bytes
    installed: Bytes
    python: str | None = None
    large: tuple[str, ...] = ()
    locks: Path = LOCKS

    @property
    def lock(self) -> Lock:
        return read_lock(self.locks / f"{self.name}.lock")


CAPABILITIES = (
    Capability(
        name="agents",
        purpose="run agents: the loop, tools of MCP servers, search in documents",
        imports=("pydantic_ai", "mcp", "openai", "sqlite_vec", "opentelemetry.sdk.trace", "httpx2"),
        download=26 * MB,
        installed=160 * MB,
    ),
    Capability(
        name="train",
        purpose="train models of language, vision and robots: torch and what goes with it",
        imports=("torch", "torchvision", "transformers", "peft", "timm", "stable_baselines3", "mujoco", "onnxruntime"),
        download=3200 * MB,
        installed=6400 * MB,
        large=("torch", "nvidia-", "triton"),
    ),
)


def capability(name: str) -> Capability:
    """Raises WrongUsage for a name that is none, with those there are."""
    known = {one.name: one for one in CAPABILITIES}
    if name not in known:
        there_are = f"There are: {', '.join(known)}."
        raise WrongUsage(f"'{name}' is nothing that can be added.", f"{did_you_mean(name, known)} {there_are}".strip())
    return known[name]

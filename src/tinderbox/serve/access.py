"""`Access`: who may speak to the box, as it was configured, and what stands before its routes for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from tinderbox.agents.loans import Loans
from tinderbox.config import Config
from tinderbox.serve.guard import Guard
from tinderbox.serve.keys import Door, Keyring

if TYPE_CHECKING:
    from starlette.applications import Starlette

_TOLD = [f"x-ratelimit-{part}-{what}" for part in ("limit", "remaining", "reset") for what in ("requests", "tokens")]


@dataclass(frozen=True, slots=True)
class Access:
    """`hosts` and `origins` as in `Guard`; `elsewhere` where the box listens on more than loopback; `fetch` are hosts
    and networks of one's own that a request may have models fetched from."""

    ring: Keyring
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    elsewhere: bool = False
    fetch: tuple[str, ...] = ()


def make_access(config: Config, own: str, loans: Loans | None = None) -> Access:
    """`own` is the key of this home's command line; `loans` are what runs of agents were lent."""
    ring = Keyring(config.home, own=own, closed=config.is_reachable, loans=loans)
    return Access(ring, config.allow_hosts, config.allow_origins, config.is_reachable, config.allow_fetch)


def close_to_others(app: Starlette, access: Access) -> None:
    """From outside to inside: the guard, CORS for pages that were named, and the door."""
    app.add_middleware(Door, ring=access.ring, fetch=access.fetch)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["retry-after", *_TOLD],
        )
    app.add_middleware(Guard, hosts=access.hosts, origins=access.origins, elsewhere=access.elsewhere)

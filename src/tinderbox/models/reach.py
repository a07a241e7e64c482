"""`Reach`: what a model's name may lead to, for whoever said it. A person at this machine may name any file and any
address; a request names no address of a private network, or the box would be a way into it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tinderbox.errors import NotAllowed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """`paths`: whether a name may be a file's. `own`: the hosts, addresses and networks that are no public ones and
    may be fetched from nonetheless; None is every one."""

    paths: bool = True
    own: tuple[str, ...] | None = None

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Raises NotAllowed unless each of the addresses that `host` stands for may be fetched from."""
        if self.own is None or host.lower() in {name.lower() for name in self.own}:
            return
        if not all(self._allows(ipaddress.ip_address(address)) for address in addresses):
            raise NotAllowed(
                f"{host} leads to this machine or into a private network.",
                f'If that is meant, set allow_fetch = ["{host}"] in config.toml.',
            )

    def _allows(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in _networks(self.own or ()))


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, also by the IPv4 address that it may carry."""
    if isinstance(address, ipaddress.IPv6Address) and (inner := _carried(address)) is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _networks(words: Sequence[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for word in words:
        try:
            yield ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue  # the name of a host


# A variable of the context and no argument: it must hold on every way from a request to a file, new ones too.
_in_force: ContextVar[Reach] = ContextVar("reach", default=Reach())  # noqa: B039  (frozen)


def reach() -> Reach:
    """What holds here."""
    return _in_force.get()


@contextmanager
def within(limits: Reach) -> Iterator[None]:
    before = _in_force.set(limits)
    try:
        yield
    finally:
        _in_force.reset(before)

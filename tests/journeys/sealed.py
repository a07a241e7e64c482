"""A network without a way out, and what a process asks of the network, as the kernel sees it."""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import os
import re
import shutil
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STRACE = shutil.which("strace")
CALLS = "connect,sendto,sendmsg,sendmmsg,io_uring_setup"
needs_strace = pytest.mark.skipif(not STRACE, reason="no strace is installed")
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_FAMILY = re.compile(r"sa_family=(\w+)")
_RESOLVER = re.compile(r"htons\(53\)|io\.systemd\.Resolve")


@contextmanager
def without_a_route() -> Iterator[None]:
    """This thread, and every process that it starts, in a network of its own that has loopback and nothing else."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has namespaces of the network")
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_NEW_NETWORK):
            pytest.skip(f"a network of one's own is not granted here: {os.strerror(ctypes.get_errno())}")
        try:
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))
            yield
        finally:
            libc.setns(outside, _NEW_NETWORK)
    finally:
        os.close(outside)


def strace(log: Path, *words: str) -> list[str]:
    """The command that notes what a program and all that it starts ask of the network, without what they say."""
    return [STRACE or "", "-f", "-qq", "-s", "0", "-e", f"trace={CALLS}", "-o", str(log), *words]


def leaving(log: Path) -> list[str]:
    """The calls that go beyond loopback, or ask for a name, or cannot be seen."""
    return [line for line in log.read_text().splitlines() if not _stays(line)]


def _stays(line: str) -> bool:
    if "io_uring_setup" in line or _RESOLVER.search(line):
        return False
    addresses = [first or second for first, second in _ADDRESS.findall(line)]
    families = set(_FAMILY.findall(line)) - {"AF_UNIX", "AF_NETLINK"}
    if families - {"AF_INET", "AF_INET6"} or len(addresses) < len(families):
        return False
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)

"""The system calls that code in the sandbox is refused, as a filter for the kernel (a classic BPF program).

The namespaces keep the sandbox in; this closes what they leave open: sockets that are not of a network namespace
(vsock reaches the host of a virtual machine) or that lie in the file system, files that would be root's with the
set-user-ID bit where the box runs as root, memory that no process is seen to hold, and those parts of the kernel that a
program of an agent has no business with.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator

# <linux/audit.h>, and the numbers of <asm/unistd.h>.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBERS = {
    "x86_64": {
        "open": 2, "ioctl": 16, "shmget": 29, "socket": 41, "clone": 56, "creat": 85, "chmod": 90, "fchmod": 91,
        "ptrace": 101, "syslog": 103, "mknod": 133, "pivot_root": 155, "mount": 165, "umount2": 166, "add_key": 248,
        "request_key": 249, "keyctl": 250, "openat": 257, "mknodat": 259, "fchmodat": 268, "unshare": 272,
        "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "memfd_create": 319, "bpf": 321, "userfaultfd": 323,
    },
    "aarch64": {
        "ioctl": 29, "mknodat": 33, "umount2": 39, "mount": 40, "pivot_root": 41, "fchmod": 52, "fchmodat": 53,
        "openat": 56, "unshare": 97, "syslog": 116, "ptrace": 117, "shmget": 194, "socket": 198, "add_key": 217,
        "request_key": 218, "keyctl": 219, "clone": 220, "perf_event_open": 241, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "memfd_create": 279,
        "bpf": 280, "userfaultfd": 282,
    },
}  # fmt: skip
_EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "openat2": 437, "mount_setattr": 442,
    "memfd_secret": 447, "fchmodat2": 452,
}  # fmt: skip

_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
# Programs that meet ENOSYS take the older call, whose arguments can be looked at.
_UNKNOWN = ("clone3", "openat2", "memfd_create", "memfd_secret", "shmget", "io_uring_setup", "io_uring_enter",
            "io_uring_register")  # fmt: skip
_FORBIDDEN = ("ptrace", "syslog", "pivot_root", "mount", "umount2", "add_key", "request_key", "keyctl", "unshare",
              "perf_event_open", "name_to_handle_at", "open_by_handle_at", "setns", "process_vm_readv",
              "process_vm_writev", "bpf", "userfaultfd", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
              "fspick", "mount_setattr")  # fmt: skip
_INET, _INET6, _NETLINK = 2, 10, 16
_NEW_NAMESPACES = 0x7E020000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SET_ID = 0o6000
_CREATES = 0o20000100  # O_CREAT, O_TMPFILE
_MODE_AT = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "creat": 1, "mknod": 1, "mknodat": 2}
_OPEN_AT = {"open": 1, "openat": 2}  # where the flags are; the mode comes next

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000

Step = tuple[int, int, int, int]  # code, jump if so, jump if not, operand


def is_known(machine: str | None = None) -> bool:
    """Whether the calls of this machine's processor are known."""
    return (machine or platform.machine()) in _NUMBERS


def make_filter(machine: str | None = None) -> bytes:
    """The program, as the kernel reads it."""
    machine = machine or platform.machine()
    numbers = _NUMBERS[machine] | _EVERYWHERE
    steps: list[Step] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),  # another instruction set's calls have other numbers
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _ERROR | _ENOSYS),
    ]
    for name, rule in _rules():
        if name in numbers:
            steps += [(_EQUAL, 0, len(rule), numbers[name]), *rule]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _rules() -> Iterator[tuple[str, list[Step]]]:
    """For each call what is done when it is met; every rule ends in a return."""
    yield from ((name, [(_RETURN, 0, 0, _ERROR | _ENOSYS)]) for name in _UNKNOWN)
    yield from ((name, [(_RETURN, 0, 0, _ERROR | _EPERM)]) for name in _FORBIDDEN)
    yield "clone", _unless((_ANY_BIT, _NEW_NAMESPACES), argument=0)
    for name, place in _MODE_AT.items():
        yield name, _unless((_ANY_BIT, _SET_ID), argument=place)
    for name, place in _OPEN_AT.items():
        creates = [_argument(place), (_ANY_BIT, 1, 0, _CREATES), (_RETURN, 0, 0, _ALLOW)]
        yield name, creates + _unless((_ANY_BIT, _SET_ID), argument=place + 1)
    yield "ioctl", _unless((_EQUAL, _TIOCSTI), (_EQUAL, _TIOCLINUX), argument=1)
    families = [(_EQUAL, 3 - at, 0, family) for at, family in enumerate((_INET, _INET6, _NETLINK))]
    refused = (_RETURN, 0, 0, _ERROR | _EAFNOSUPPORT)
    yield "socket", [_argument(0), *families, refused, (_RETURN, 0, 0, _ALLOW)]


def _unless(*tests: tuple[int, int], argument: int) -> list[Step]:
    """Allowed unless one of the tests holds."""
    checks = [(code, len(tests) - at, 0, operand) for at, (code, operand) in enumerate(tests)]
    return [_argument(argument), *checks, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERROR | _EPERM)]


def _argument(place: int) -> Step:
    """Load the lower half, which is all that these calls look at."""
    return (_LOAD, 0, 0, 16 + 8 * place)

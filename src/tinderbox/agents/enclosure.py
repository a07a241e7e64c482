"""What the sandbox shows to the code in it, as bubblewrap's options."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tinderbox.agents.folder import Folder
from tinderbox.units import Bytes

SCRATCH = "scratch"
WORK = "/desk"
_PYTHON = "/opt/python"
_USER = 1000  # inside; to the system it is whoever runs the box
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
# Files of /proc that are the machine's. Where the box runs as root, the user inside owns them.
_HIDDEN = (
    "kcore",
    "kmsg",
    "kallsyms",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
    "keys",
    "key-users",
    "timer_list",
    "mtrr",
    "slabinfo",
    "vmallocinfo",
    "sched_debug",
)

Carry = Callable[[bytes], int]  # content to a descriptor that the child will have


def enclose(places: Sequence[Folder], files: Mapping[str, bytes], temporary: Bytes, carry: Carry) -> list[str]:
    """The options for a run that starts in the first of the places."""
    return [
        *_apart(),
        *_system(),
        *_settings(carry),
        *(word for name, content in files.items() for word in ("--ro-bind-data", str(carry(content)), f"/run/{name}")),
        *_devices(temporary),
        *(word for place in places for word in _bind(place.path, f"{WORK}/{place.name}", write=place.write)),
        *("--remount-ro", "/"),
        *("--chdir", f"{WORK}/{places[0].name}"),
    ]


def interpreter() -> str:
    """The path inside of the Python that this is."""
    base, name = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    if base.is_relative_to("/usr"):
        return str(base / "bin" / name)
    return f"{_PYTHON}/bin/{name}"


def _apart() -> list[str]:
    """Namespaces of its own, no right, no terminal, no environment, and no life beyond the box's."""
    words = "--unshare-user --unshare-all --disable-userns --cap-drop ALL --new-session --die-with-parent --clearenv"
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{WORK}/{SCRATCH}",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108  (the sandbox's own)
        "PYTHONPATH": f"{WORK}/{SCRATCH}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        variables["PATH"] = f"{_PYTHON}/bin:{variables['PATH']}"
        if sysconfig.get_config_var("Py_ENABLE_SHARED"):
            variables["LD_LIBRARY_PATH"] = f"{_PYTHON}/lib"
    settings = [word for name, value in variables.items() for word in ("--setenv", name, value)]
    return [*words.split(), "--hostname", "sandbox", "--uid", str(_USER), "--gid", str(_USER), *settings]


def _system() -> list[str]:
    """The system's programs and libraries, and this Python, to be read."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    if Path("/usr/local/etc").is_dir():
        words += ["--tmpfs", "/usr/local/etc", "--remount-ro", "/usr/local/etc"]
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        words += ["--ro-bind", sys.base_prefix, _PYTHON]
    return words


def _settings(carry: Carry) -> list[str]:
    made = {
        "/etc/passwd": f"sandbox:x:{_USER}:{_USER}::{WORK}/{SCRATCH}:/bin/sh\n",
        "/etc/group": f"sandbox:x:{_USER}:\n",
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }
    words = [word for place in _SETTINGS for word in ("--ro-bind-try", place, place)]
    return words + [
        word for place, text in made.items() for word in ("--ro-bind-data", str(carry(text.encode())), place)
    ]


def _devices(temporary: Bytes) -> list[str]:
    """Every file system that can be written has a size: one without would be half of the machine's memory."""
    hidden = [f"/proc/{name}" for name in _HIDDEN if Path("/proc", name).exists()]
    return [
        *("--proc", "/proc"),
        *(word for place in hidden for word in ("--ro-bind", "/dev/null", place)),
        *("--remount-ro", "/proc"),  # where the box runs as root, /proc/sys could be written
        *("--dev", "/dev"),
        *("--size", str(temporary), "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--remount-ro", "/dev"),
        *("--size", str(temporary), "--tmpfs", "/tmp"),  # noqa: S108
    ]


def _bind(source: Path, target: str, *, write: bool) -> list[str]:
    return ["--bind" if write else "--ro-bind", str(source), target]

"""The sandbox, in bubblewrap: what code can do in it, and the ways out that are tried."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.yard import SECRET, Yard, alive, make_yard, needs_sandbox, until
from tinderbox.agents.folder import Folder
from tinderbox.agents.sandbox import Bounds, Sandbox
from tinderbox.errors import NotAllowed

pytestmark = needs_sandbox
BOMB = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
LIBC = "libc = ctypes.CDLL(None, use_errno=True)"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return make_yard(tmp_path)


def test_code_runs_and_says_how_it_ended(yard: Yard) -> None:
    result = yard.run("print('out'); print('wrong', file=sys.stderr); sys.exit(3)")

    assert (result.stdout, result.stderr, result.status) == (b"out\n", b"wrong\n", 3)
    assert result.why == "It ended with status 3."


def test_a_shell_reads_what_it_is_handed(yard: Yard) -> None:
    result = yard.sandbox.run(["sh", "-c", "sort"], stdin=b"b\na\n")

    assert (result.stdout, result.why) == (b"a\nb\n", "")


def test_the_folders_lie_where_the_scratch_folder_says(yard: Yard) -> None:
    result = yard.run("print(open('notes/plan.md').read()); open('drafts/new.md', 'w').write('x'); open('own', 'w')")

    assert result.stdout == b"buy milk\n", result.stderr
    assert (yard.drafts / "new.md").read_text() == "x"
    assert (yard.sandbox.scratch / "own").exists()


def test_what_a_signal_ended_is_told(yard: Yard) -> None:
    assert yard.run("os.abort()").why == "It was ended by signal 6."


FILES = {
    "an absolute path": "open({secret!r})",
    "steps up": "open('../../../../../..' + {secret!r})",
    "a link": "os.symlink({secret!r}, 'way'); open('way')",
    "a link to the root's descriptor": "open('/proc/1/root' + {secret!r})",
    "the directory of the parent": "open('/proc/1/cwd/../../..' + {secret!r})",
    "a hard link": "os.link({secret!r}, 'way')",
    "the passwords": "open('/etc/shadow')",
    "the home of root": "os.listdir('/root')",
    "the homes": "os.listdir('/home')",
    "the devices of the system": "os.listdir('/sys')",
    "sockets of services": "os.listdir('/run/systemd')",
    "memory": "open('/dev/mem')",
    "a device made for it": "os.mknod('disk', 0o60600, os.makedev(254, 0)); open('disk')",
}


@pytest.mark.parametrize("code", FILES.values(), ids=FILES)
def test_no_file_outside_is_reached(yard: Yard, code: str) -> None:
    said = yard.attempt(code.format(secret=str(yard.secret)))

    assert said.startswith("refused:")
    assert SECRET not in said


WRITES = {
    "a new file": "open('notes/new', 'w')",
    "an old file": "open('notes/plan.md', 'a')",
    "an old file by its other path": "open('/desk/notes/plan.md', 'r+')",
    "removing": "os.unlink('notes/plan.md')",
    "renaming": "os.rename('notes/plan.md', 'plan.md')",
    "the mode": "os.chmod('notes/plan.md', 0o777)",
    "the times": "os.utime('notes/plan.md')",
    "a hard link that can be written": "os.link('notes/plan.md', 'plan.md')",
    "a descriptor opened again": "open(f'/proc/self/fd/{os.open(\"notes/plan.md\", 0)}', 'w')",
    "the system": "open('/usr/bin/new', 'w')",
    "the root": "open('/new', 'w')",
    "devices": "open('/dev/new', 'w')",
    "settings of the kernel": "open('/proc/sys/kernel/core_pattern', 'w')",
    "what ends processes": "open('/proc/self/oom_score_adj', 'w')",
}


@pytest.mark.parametrize("code", WRITES.values(), ids=WRITES)
def test_what_may_be_read_is_not_written(yard: Yard, code: str) -> None:
    assert yard.attempt(code).startswith("refused:")
    assert (yard.notes / "plan.md").read_text() == "buy milk"


def test_a_link_that_it_made_is_not_followed_afterwards(yard: Yard) -> None:
    yard.run(f"os.symlink({str(yard.secret)!r}, 'result.txt'); os.symlink({str(yard.secret.parent)!r}, 'below')")
    scratch = Folder("scratch", yard.sandbox.scratch, write=True)

    with pytest.raises(NotAllowed, match="links are not followed"), scratch.open_file("result.txt"):
        pass
    with pytest.raises(NotAllowed, match="links are not followed"), scratch.open_file("below/secret"):
        pass
    with pytest.raises(NotAllowed, match="links are not followed"):
        scratch.replace("below/secret", b"changed")
    scratch.replace("result.txt", b"changed")

    assert yard.secret.read_text() == SECRET


def test_a_folder_that_has_become_a_link_is_not_mounted(yard: Yard) -> None:
    yard.notes.rename(yard.notes.with_name("moved"))
    yard.notes.symlink_to("/")

    with pytest.raises(NotAllowed, match="links are not followed"):
        yard.run("print(os.listdir('notes'))")


def test_no_server_of_this_machine_is_reached(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = yard.attempt(f"socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)")

    assert said.startswith("refused:")


@pytest.mark.parametrize("name", ["drafts/socket", "notes/socket"])
def test_no_socket_in_a_folder_is_reached(yard: Yard, name: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(yard.notes.parent / name))
        server.listen()
        said = yard.attempt(f"socket.socket(socket.AF_UNIX).connect({name!r})")

    assert said.startswith("refused:")


NETWORK = {
    "an address": "socket.create_connection(('1.1.1.1', 443), 2)",
    "a packet": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))",
    "a name": "socket.getaddrinfo('example.com', 443)",
    "the machine around a virtual machine": "socket.socket(socket.AF_VSOCK)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "the kernel's cryptography": "socket.socket(socket.AF_ALG)",
}


@pytest.mark.parametrize("code", NETWORK.values(), ids=NETWORK)
def test_there_is_no_network(yard: Yard, code: str) -> None:
    assert yard.attempt(code).startswith("refused:")


KERNEL = {
    "ptrace": "libc.ptrace(16, 1, 0, 0)",
    "a namespace of users": "libc.unshare(0x10000000)",
    "a namespace of mounts": "libc.unshare(0x20000)",
    "a mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "an unmount": "libc.umount2(b'/proc', 2)",
    "the kernel's keys": "libc.syscall({keyctl}, 0, -3, 0)",
    "io_uring": "libc.syscall(425, 8, 0)",
    "memory that nobody is seen to hold": "libc.memfd_create(b'x', 0)",
    "root": "libc.setuid(0)",
    "keys typed into the terminal": "libc.ioctl(0, 0x5412, b'x')",
    "a file that is run as its owner": "libc.open(b'root', 0o101, 0o4755)",
    "a mode that is run as its owner": "libc.chmod(b'notes', 0o4755)",
}


@pytest.mark.parametrize("code", KERNEL.values(), ids=KERNEL)
def test_the_kernel_refuses(yard: Yard, code: str) -> None:
    call = code.format(keyctl=250 if os.uname().machine == "x86_64" else 219)
    said = yard.run(f"{LIBC}\nprint({call}, os.strerror(ctypes.get_errno()))").stdout.decode()

    assert said.startswith("-1 ")
    assert said.strip().split(" ", 1)[1] in ("Operation not permitted", "Function not implemented", "Invalid argument")


def test_it_has_no_right_and_gains_none(yard: Yard) -> None:
    said = yard.run("print(open('/proc/self/status').read())").stdout.decode()

    assert {line for line in said.splitlines() if line.startswith(("CapEff", "CapBnd", "NoNewPrivs", "Seccomp:"))} == {
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    }


def test_a_program_that_belongs_to_root_gives_nothing(yard: Yard) -> None:
    result = yard.sandbox.run(["sh", "-c", "echo | su root -c 'cat /etc/shadow'; mount -t tmpfs none /tmp; id -u"])

    assert result.stdout == b"1000\n"


def test_it_sees_no_other_process(yard: Yard) -> None:
    said = yard.run("print(*[name for name in os.listdir('/proc') if name.isdigit()])").stdout.split()

    assert len(said) < 5
    assert max(map(int, said)) < 20


def test_it_signals_nobody_outside(yard: Yard) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        said = yard.attempt(f"os.kill({bystander.pid}, 9)")
        yard.run("os.kill(-1, 9)")
        still_there = bystander.poll() is None
        bystander.kill()

    assert (said, still_there) == ("refused: [Errno 3] No such process", True)


def test_no_descriptor_is_inherited(yard: Yard) -> None:
    with yard.secret.open() as secret:
        os.set_inheritable(secret.fileno(), True)
        said = yard.run(
            "print(*[os.readlink(f'/proc/self/fd/{n}') for n in range(200) if os.path.lexists(f'/proc/self/fd/{n}')])"
        )

    assert [word.split(b":")[0] for word in said.stdout.replace(b" (deleted)", b"").split()] == [
        b"/memfd",
        b"pipe",
        b"pipe",
    ]


def test_no_variable_is_inherited(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", SECRET)

    said = yard.sandbox.run(["sh", "-c", "env; cat /proc/*/environ /proc/*/cmdline"]).stdout.decode()

    assert "PATH=" in said
    assert SECRET not in said
    assert str(yard.secret.parent) not in said


def test_there_is_no_terminal(yard: Yard) -> None:
    assert yard.attempt("open('/dev/tty')").startswith("refused:")


def test_a_fork_bomb_ends(yard: Yard) -> None:
    token = f"bomb-{os.getpid()}"

    result = yard.sandbox.run([sys.executable.split("/")[-1], "-c", f"'{token}'\n{BOMB}"])

    assert result.ended in ("processes", "time"), result  # for a user without control groups it cannot even grow
    assert until(lambda: alive(token) == [])


def test_memory_is_bounded_over_all_processes(yard: Yard) -> None:
    code = "for _ in range(4): os.fork()\nheld = bytearray(b'x') * 60_000_000\ntime.sleep(30)"

    result = yard.run(code, memory=256 * 2**20)

    assert result.ended == "memory", result


def test_memory_is_bounded_for_each_process(yard: Yard) -> None:
    result = yard.run("bytearray(10**9)", memory=256 * 2**20)

    assert b"MemoryError" in result.stderr


TIMES = {
    "busy": "while True: pass",
    "asleep": "time.sleep(60)",
    "deaf": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(60)",
    "silent": "os.close(1); os.close(2); time.sleep(60)",
    "with children that go on": "subprocess.Popen(['sh', '-c', 'setsid sleep 60 & sleep 60']); time.sleep(60)",
}


@pytest.mark.parametrize("code", TIMES.values(), ids=TIMES)
def test_its_time_is_bounded(yard: Yard, code: str) -> None:
    result = yard.run(code, seconds=1.0)

    assert result.ended == "time"
    assert result.seconds < 10


def test_what_it_leaves_behind_ends_with_it(yard: Yard) -> None:
    token = f"left-{os.getpid()}"

    result = yard.sandbox.run(["sh", "-c", f"setsid sh -c 'sleep 60; : {token}' >/dev/null 2>&1 & exit 0"])

    assert result.status == 0
    assert until(lambda: alive(token) == [])


def test_it_ends_with_the_process_that_started_it(yard: Yard) -> None:
    token = f"orphan-{os.getpid()}"
    code = (
        "from pathlib import Path; from tinderbox.agents.sandbox import Sandbox; "
        f"Sandbox(Path({str(yard.sandbox.scratch)!r})).run(['sh', '-c', 'echo > up; sleep 60; : {token}'])"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        assert until((yard.sandbox.scratch / "up").exists)
        parent.kill()

    assert until(lambda: alive(token) == [])


def test_what_it_prints_is_bounded(yard: Yard) -> None:
    result = Sandbox(yard.sandbox.scratch, bounds=Bounds(output=10_000)).run(["yes"])

    assert (result.ended, len(result.stdout)) == ("output", 10_000)


def test_what_it_writes_is_bounded(yard: Yard) -> None:
    code = "for n in range(10**6): open(f'f{n}', 'wb').write(bytes(2**20))"

    result = yard.run(code, disk=50 * 2**20)

    assert result.ended == "disk"


def test_names_without_content_are_bounded_too(yard: Yard) -> None:
    result = yard.run("for n in range(10**6): open(f'f{n}', 'w').close()", disk=20 * 2**20)

    assert result.ended == "disk"


def test_a_single_file_is_bounded(yard: Yard) -> None:
    assert b"File too large" in yard.run("open('big', 'wb').write(bytes(2**21))", file=2**20).stderr


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_what_is_kept_in_memory_is_bounded(yard: Yard, place: str) -> None:
    code = f"for n in range(100): open(f'{place}/f{{n}}', 'wb').write(bytes(2**20))"

    assert b"No space left" in yard.run(code, temporary=20 * 2**20).stderr

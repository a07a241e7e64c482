"""A child that passes its limit is ended alone, by the kernel or by a watch."""

import asyncio
import json
import os
import re
import resource
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tinderbox.engines.engine import Settings
from tinderbox.engines.groups import Grounds, grounds
from tinderbox.engines.limits import WATCHED, Limit, held_by, limit_of
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.errors import EngineFailed
from tinderbox.units import MB, MiB

pytestmark = pytest.mark.anyio
GROWS = "import sys; sys.stdin.readline(); held = b'x' * 300_000_000; print('grown', flush=True); sys.stdin.read()"


async def child() -> Process:
    """A process that holds 300 MB once it is sent a line."""
    return await asyncio.create_subprocess_exec(sys.executable, "-c", GROWS, stdin=PIPE, stdout=PIPE)


async def grow(process: Process) -> bytes:
    """What it says when it has grown; nothing if it did not live to."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"\n")
    return await process.stdout.readline()


async def end(process: Process) -> None:
    assert process.stdin
    process.stdin.close()
    await process.wait()


@pytest.fixture
def real_grounds() -> Iterator[Grounds]:
    with grounds() as found:
        if found.folder is None:
            pytest.skip(f"no control group can be had here: {found.why}")
        yield found


async def test_a_watched_child_that_passes_its_limit_is_ended_and_told_of() -> None:
    told: list[int] = []
    limit = Limit(100 * MB, WATCHED, told.append, every=0.01)
    process = await child()
    limit.hold(process)

    await grow(process)
    await process.wait()
    await limit.release()

    assert process.returncode == -9
    assert told == [limit.overrun()]
    assert told[0] > limit_of(100 * MB)


async def test_a_watched_child_within_its_limit_lives() -> None:
    limit = Limit(400 * MB, WATCHED, every=0.01)
    process = await child()
    limit.hold(process)

    said = await grow(process)
    await end(process)
    await limit.release()

    assert (said, process.returncode, limit.error("x")) == (b"grown\n", 0, None)


async def test_a_child_in_a_control_group_is_ended_by_the_kernel_and_leaves_no_group(real_grounds: Grounds) -> None:
    told: list[int] = []
    limit = Limit(100 * MB, real_grounds, told.append)
    process = await child()
    limit.hold(process)

    await grow(process)
    await process.wait()
    await limit.release()

    assert process.returncode == -9
    assert told == [limit.overrun()]
    assert real_grounds.folder
    assert [group.name for group in real_grounds.folder.glob("*/") if group.name != "box"] == []


async def test_where_no_group_can_be_made_any_more_the_child_is_watched(tmp_path: Path) -> None:
    limit = Limit(100 * MB, Grounds(tmp_path / "gone"), every=0.01)
    process = await child()
    limit.hold(process)

    await grow(process)
    await process.wait()
    await limit.release()

    assert limit.overrun() is not None


async def test_the_error_says_what_was_held_and_what_was_granted() -> None:
    limit = Limit(100 * MB, WATCHED, every=0.01)
    process = await child()
    limit.hold(process)

    await grow(process)
    await process.wait()
    await limit.release()

    error = limit.error("qwen")
    assert error is not None
    assert re.match(r"qwen was ended: it held \d+\.\d MB of the 100\.0 MB granted\.$", error.what)


def test_a_limit_leaves_room_for_what_a_prediction_may_be_off_by() -> None:
    assert limit_of(1000 * MB) == 1030 * MB + 64 * MiB


def test_what_a_process_holds_is_without_the_files_that_it_maps() -> None:
    info = psutil.Process().memory_info()

    held = held_by(os.getpid())

    assert held is not None
    assert 0.3 * info.rss < held <= info.rss


def test_a_process_that_is_gone_holds_nothing_known() -> None:
    assert held_by(2**22 + 1) is None


@pytest.mark.slow
async def test_an_engine_that_passes_its_limit_says_so_instead_of_loading(starter: Path, tmp_path: Path) -> None:
    told: list[int] = []
    settings = Settings("starter", starter, context=2048, parallel=1, threads=1, granted=20 * MB)
    engine = LlamaCpp(settings, tmp_path, tmp_path / "log", Limit(20 * MB, WATCHED, told.append, every=0.001))

    with pytest.raises(EngineFailed, match=r"starter was ended: it held .* of the 20.0 MB granted"):
        await engine.load()

    assert told[0] > limit_of(20 * MB)


@pytest.mark.slow
async def test_an_engine_that_grows_past_its_limit_in_the_middle_of_a_question_says_so(
    starter: Path, tmp_path: Path
) -> None:
    """Reading a long prompt, it takes some 20 MB more than the load did; here it may take 5."""
    settings = Settings("starter", starter, context=2048, parallel=1, threads=1)
    loaded = await held_after_load(settings, tmp_path)
    granted = int((loaded + 5 * MB - 64 * MiB) / 1.03)
    engine = LlamaCpp(settings, tmp_path, tmp_path / "log", Limit(granted, WATCHED, every=0.005))
    await engine.load()

    with pytest.raises(EngineFailed, match=r"starter was ended: it held .* granted"):
        await answer(engine, {"prompt": "sea and fish " * 600, "max_tokens": 50, "stream": True})
    await engine.close()


async def answer(engine: LlamaCpp, question: dict[str, object]) -> bytes:
    reply = await engine.reply("/v1/completions", json.dumps(question).encode())
    return b"".join([piece async for piece in reply.body])


async def held_after_load(settings: Settings, folder: Path) -> int:
    engine = LlamaCpp(settings, folder, folder / "log")
    await engine.load()
    held = held_by(engine.pid or 0)
    await engine.close()
    assert held is not None
    return held


@pytest.mark.slow
async def test_an_engine_writes_no_core(starter: Path, tmp_path: Path) -> None:
    engine = LlamaCpp(Settings("starter", starter, context=512, parallel=1, threads=1), tmp_path, tmp_path / "log")
    await engine.load()
    assert engine.pid is not None

    allowed = psutil.Process(engine.pid).rlimit(resource.RLIMIT_CORE)
    await engine.close()

    assert allowed == (0, 0)

"""The HTTP face over a pool of echoes: everything real but the models. `python -m tests.serve.house` serves one."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from tests.models.gguf_writer import llama
from tinderbox.agents.runs import Runs
from tinderbox.agents.work import KIND, Grounds, run_work
from tinderbox.config import Config
from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Settings
from tinderbox.engines.pool import Order, Pool
from tinderbox.jobs.book import Book
from tinderbox.jobs.kinds import Kind, known_kinds
from tinderbox.jobs.runner import Runner
from tinderbox.memory import Governor, Ledger, Reading
from tinderbox.models.store import Store
from tinderbox.serve.access import Access
from tinderbox.serve.app import make_app
from tinderbox.serve.server import make_server
from tinderbox.units import GB, MB
from tinderbox.web import page_routes

TWIN = Path(__file__).parents[1] / "agents/twin.py"


def make_house(
    home: Path,
    access: Access | None = None,
    engine: type[Echo] = Echo,
    kinds: Mapping[str, Kind] | None = None,
) -> FastAPI:
    """An app whose store holds `echo:1b` and `unloadable:1b`, both answered by an `engine`; agents are twins, and
    `kinds` of jobs are added."""
    store = Store(home)
    for name in ("echo:1b", "unloadable:1b"):
        file = home / f"{name.partition(':')[0]}.gguf"
        llama().write(file)
        store.add_file(file, name)
    base = Settings(name="", path=home, context=2048, parallel=2, threads=1)

    def order(name: str) -> Order:
        return Order(replace(base, name=store.find(name).name), predicted=MB)

    governor = Governor(Ledger(8 * GB), lambda: Reading(8 * GB, 6 * GB))
    pool = Pool(order, engine, governor)
    grounds = Grounds(home, lambda module: (sys.executable, str(TWIN)), lambda models: nullcontext({}), context=2048)
    known: dict[str, Kind] = {**known_kinds(home, threads=1), KIND: partial(run_work, grounds), **(kinds or {})}
    jobs = Runner(Book(home), known, governor.tenancy, home, beside=[KIND])
    runs = Runs(home, jobs)
    return make_app(pool, store, asyncio.Event(), drain=1, page=page_routes(), access=access, jobs=jobs, runs=runs)


def serve() -> None:
    """On a free port of loopback, which is printed; until the process is ended."""
    with tempfile.TemporaryDirectory() as home, socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        server = make_server(make_house(Path(home)), Config(Path(home)))
        asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    serve()

"""The box: the one place where the parts are built and joined, and the life of the process that they make up."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tinderbox.agents import work as agents
from tinderbox.agents.loans import Loans
from tinderbox.agents.runs import Runs
from tinderbox.agents.work import KIND as AGENT
from tinderbox.agents.work import run_work
from tinderbox.audit import HERE, Audit, deed
from tinderbox.config import Config
from tinderbox.engines.caches import FOLDER, Caches, contents_of
from tinderbox.engines.engine import Adapter, Settings
from tinderbox.engines.groups import Grounds, grounds
from tinderbox.engines.health import Health
from tinderbox.engines.limits import WATCHED, Limit
from tinderbox.engines.llamacpp import LlamaCpp, as_planned
from tinderbox.engines.pool import Order, Pool
from tinderbox.environments import find
from tinderbox.errors import BadModelFile, Conflict, TinderboxError, WrongUsage
from tinderbox.jobs.book import Book
from tinderbox.jobs.kinds import Kind, known_kinds
from tinderbox.jobs.runner import Runner
from tinderbox.keys import own_key, read_keys
from tinderbox.learning import Load, Timings, correct_load, learn_load, learn_runs, runs_of
from tinderbox.machine.probe import probe
from tinderbox.memory import Governor, Lease, open_ledger, read_memory
from tinderbox.memory.decisions import Decision, Minutes
from tinderbox.models.store import Store, Stored
from tinderbox.plan.footprint import footprint
from tinderbox.plan.plan import backend_of
from tinderbox.plan.settings import usual_ubatch
from tinderbox.planning import this_machine
from tinderbox.state import opened
from tinderbox.train.kind import train_kinds
from tinderbox.units import Bytes

if TYPE_CHECKING:
    import uvicorn

    from tinderbox.models.card import Card
    from tinderbox.serve.keys import Keyring

ENGINE = "llama.cpp"


def make_governor(config: Config, record: Callable[[Decision], None]) -> Governor:
    """The one budget of this machine's memory."""
    ledger = open_ledger(config.memory, read_memory(), idle=config.idle or None)
    return Governor(ledger, read_memory, record=record)


def make_pool(config: Config, store: Store, sockets: Path, governor: Governor, held: Grounds = WATCHED) -> Pool:
    """The pool of this box: models from its store, each answered by llama.cpp in a child process, held in `held`."""
    caches = Caches(config.home / FOLDER, config.caches)
    caches.tidy(contents_of(store))
    backend = backend_of(probe())

    def order(name: str) -> Order:
        asked = store.find(name)
        stored = asked.base or asked
        card = stored.card()
        settings = Settings(
            name=stored.name,
            path=stored.path,
            context=min(config.context, card.context_length or config.context),
            parallel=config.parallel,
            threads=config.threads or physical_cores(),
            ubatch=usual_ubatch(backend) // config.parallel * config.parallel,  # shared out evenly, or the engine ends
            embeds_only=card.makes_embeddings_only,
            content=stored.content,
            adapters=adapters_at_work(store, asked),
        )
        predicted = predicted_memory(config.home, settings, card)
        granted = replace(settings, granted=predicted)
        return Order(granted, predicted, embedding_memory(settings, card), asked.name if asked.base else None)

    def start(settings: Settings) -> LlamaCpp:
        log = config.home / "logs" / f"{settings.name.replace('/', '-').replace(':', '-')}.log"
        limit = (
            Limit(settings.granted, held, partial(learn_held, config.home, store, settings))
            if settings.granted
            else None
        )
        return LlamaCpp(settings, sockets, log, limit, caches)

    return Pool(order, start, governor, wait=config.wait)


def adapters_at_work(store: Store, asked: Stored) -> tuple[Adapter, ...]:
    """All adapters of the model, so that none waits for a load; of those that nobody asked for, one that cannot be read
    is left out. Raises BadModelFile for the one that was asked for."""
    found = []
    for stored in store.adapters((asked.base or asked).name):
        try:
            card = stored.adapter()
        except (BadModelFile, OSError):
            if stored.name == asked.name:
                raise
            continue
        if card and stored.sha256:
            found.append(Adapter(stored.name, stored.path, stored.sha256, card.weights))
    return tuple(found)


def planned_memory(settings: Settings, card: Card) -> Bytes:
    """The exact footprint of the child, with the adapters beside its weights."""
    return footprint(card, as_planned(settings)).total + sum(adapter.weights for adapter in settings.adapters)


def predicted_memory(home: Path, settings: Settings, card: Card) -> Bytes:
    """What is planned, corrected by what loads took here."""
    total = planned_memory(settings, card)
    return correct_load(home, settings.name, ENGINE, settings.context, settings.parallel, total)


def embedding_memory(settings: Settings, card: Card) -> Bytes:
    """What a chat model takes on top from the first text that it embeds: llama.cpp computes the logits of each of the
    text's tokens, at most `ubatch` at once, and keeps them."""
    if card.makes_embeddings_only:
        return 0
    usual = as_planned(settings)
    more = footprint(card, replace(usual, outputs=settings.ubatch)).total - footprint(card, usual).total
    return more + 4 * card.vocabulary * settings.ubatch


def learn_held(home: Path, store: Store, settings: Settings, held: Bytes) -> None:
    """What a child held is kept, beside what was predicted without correction, for the next prediction."""
    with suppress(TinderboxError):  # a model that was removed, or a state that is busy: a lesson is lost, no answer
        total = planned_memory(settings, store.find(settings.name).card())
        learn_load(home, Load(settings.name, ENGINE, settings.context, settings.parallel, total, held))


class Lessons:
    """What answers and loads teach, written down in a thread, so that no answer waits for it."""

    def __init__(self, home: Path, pool: Pool, store: Store) -> None:
        self._home = home
        self._pool = pool
        self._store = store
        self._open: set[asyncio.Task[None]] = set()

    def hear(self, timings: Timings) -> None:
        lease = self._pool.governor.ledger.leases.get(timings.model)
        settings = self._pool.settings(timings.model)
        task = asyncio.create_task(asyncio.to_thread(self._learn, timings, lease, settings))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def end(self) -> None:
        await asyncio.gather(*self._open)

    def _learn(self, timings: Timings, lease: Lease | None, settings: Settings | None) -> None:
        with suppress(TinderboxError):  # a model that was removed, or a state that is busy: a lesson is lost, no answer
            stored = self._store.find(timings.model)
            if stored.base is not None:
                return  # its base alone is faster
            card = stored.card()
            learn_runs(self._home, runs_of(card, this_machine(self._home), timings))
            if lease and settings and lease.measured is not None and lease.predicted == settings.granted:
                learn_held(self._home, self._store, settings, lease.measured)


def physical_cores() -> int:
    """Cores this process may use, hyperthreads left out: two threads on one core slow each other down."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


async def run_box(config: Config, *, load_first: str | None = None, ready: Callable[[str], None] | None = None) -> None:
    """Serve until told to stop. `load_first` is loaded while the server starts; `ready` is called with the address
    once it listens.

    Raises Conflict when the home or the port is taken, WrongUsage for an address that needs a key, and what went wrong
    with `load_first`.
    """
    check_reach(config)
    with (
        home_lock(config.home),
        _sockets() as sockets,
        _listen(config) as listener,
        grounds() if config.control_groups else nullcontext(WATCHED) as held,
        own_key(config.home) as own,
        opened(config.home),  # while it is held open, what is stored can be read even where the disk is full
    ):
        store = Store(config.home)
        minutes, audit = Minutes(config.home), Audit(config.home)
        governor = make_governor(config, minutes.take)
        pool = make_pool(config, store, sockets, governor, held)
        lessons = Lessons(config.home, pool, store)
        health = Health(pool.engines)
        threads, loans = config.threads or physical_cores(), Loans()
        kinds: dict[str, Kind] = {
            **known_kinds(config.home, threads),
            **train_kinds(config.home, threads),
            AGENT: partial(run_work, _runs_at(config, listener, loans)),
        }
        limits = partial(Limit, grounds=held)
        runner = Runner(Book(config.home), kinds, governor.tenancy, config.home, limits, beside=[AGENT])
        stopping = asyncio.Event()
        watches = [
            asyncio.create_task(watch)
            for watch in (health.run(), governor.watch(), _drain(pool, stopping, config.drain))
        ]
        try:
            first = asyncio.create_task(_load_first(pool, load_first, stopping))
            server = partial(_make_server, config, own, loans, pool, lessons, health, runner, stopping, audit)
            runner.start()
            audit.take(deed(HERE, "box started", config.given))
            await _serve(config, own, server, listener, stopping, ready)
            await first
        finally:
            for watch in watches:
                watch.cancel()
            await runner.close()
            await pool.close()
            await lessons.end()
            await minutes.end()
            audit.take(deed(HERE, "box stopped", ""))
            await audit.write()


def _runs_at(config: Config, listener: socket.socket, loans: Loans) -> agents.Grounds:
    """What runs of agents are given: the environment of their process, and a way back to this box."""
    address = own_address(config, listener)
    certificate = read_certificate(config.cert) if config.cert else None

    @contextmanager
    def lend(models: frozenset[str]) -> Iterator[Mapping[str, str | None]]:
        with loans.lend(models) as secret:
            yield {"address": address, "secret": secret, "certificate": certificate}

    return agents.Grounds(config.home, partial(_in_environment, config.home), lend, config.context)


def _in_environment(home: Path, module: str) -> tuple[str, ...]:
    return find(home, "agents").command(module)


async def _drain(pool: Pool, stopping: asyncio.Event, patience: float) -> None:
    """When the box stops: whoever waits is told so now, and what still answers after `patience` seconds then. The
    server would only cut it off."""
    await stopping.wait()
    pool.turn_away()
    await asyncio.sleep(patience)
    await pool.close()


async def _load_first(pool: Pool, name: str | None, stopping: asyncio.Event) -> None:
    if name is None:
        return
    try:
        await pool.load(name)
    except TinderboxError:
        if not stopping.is_set():
            stopping.set()
            raise


async def _serve(
    config: Config,
    own: str,
    make_server: Callable[[], tuple[uvicorn.Server, Keyring]],
    listener: socket.socket,
    stopping: asyncio.Event,
    ready: Callable[[str], None] | None,
) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    # FastAPI takes longer to import than a small model to load: in a thread, so that the first child can start now.
    server, ring = await asyncio.to_thread(make_server)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110  (uvicorn has a flag, no event)
        await asyncio.sleep(0.005)
    written = config.home / "box.json"
    address = own_address(config, listener)
    certificate = read_certificate(config.cert) if config.cert else None
    _write(written, {"pid": os.getpid(), "address": address, "certificate": certificate})
    try:
        if ready:
            ready(address)
        await stopping.wait()
    finally:
        written.unlink(missing_ok=True)
        server.should_exit = True
        await serving
        await ring.write()


def _make_server(
    config: Config,
    own: str,
    loans: Loans,
    pool: Pool,
    lessons: Lessons,
    health: Health,
    runner: Runner,
    stopping: asyncio.Event,
    audit: Audit,
) -> tuple[uvicorn.Server, Keyring]:
    from tinderbox.serve.access import make_access
    from tinderbox.serve.app import make_app
    from tinderbox.serve.server import make_server, raise_file_limit
    from tinderbox.serve.traces import open_traces
    from tinderbox.web.page import page_routes

    store, access = Store(config.home), make_access(config, own, loans)
    app = make_app(
        pool,
        store,
        stopping,
        drain=config.drain,
        page=page_routes(),
        heard=lessons.hear,
        health=health,
        access=access,
        jobs=runner,
        runs=Runs(config.home, runner),
        traces=open_traces(config.traces) if config.traces else None,
        audit=audit,
    )
    raise_file_limit()
    return make_server(app, config), access.ring


def check_reach(config: Config) -> None:
    """Raises WrongUsage where others could reach the box and what keeps them out is missing."""
    if not config.is_reachable:
        return
    missing = []
    if not any(key.state(datetime.now(UTC)) == "valid" for key in read_keys(config.home)):
        missing.append("a key (tinderbox key create NAME)")
    if config.cert is None and not config.behind_proxy:
        missing.append("TLS (--cert FILE --key FILE, or --behind-proxy where a proxy does it)")
    if missing:
        raise WrongUsage(
            f"{config.host} can be reached by others, and {' and '.join(missing)} is missing.",
            "Or leave --host at 127.0.0.1 and reach it through an SSH tunnel.",
        )


def own_address(config: Config, listener: socket.socket) -> str:
    """Where this machine's own programs reach the box."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (not bound to here)
    return f"{'https' if config.cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def read_certificate(path: Path) -> str:
    """The box's own certificate, first in the file of its chain: what the command line trusts, and nothing else."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        text = path.read_text()
        return text[text.index(begin) : text.index(end) + len(end)] + "\n"
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{path} is no certificate: {error}.", "Name a file in PEM form with --cert.") from error


def _write(path: Path, value: object) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """One box a home: the lock is the kernel's, so it is gone with the process, however that ended."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "box.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            where = ""
            with suppress(OSError, ValueError, KeyError):
                running = json.loads((home / "box.json").read_text())
                where = f" at {running['address']} (process {running['pid']})"
            raise Conflict(
                f"A box already runs on {home}{where}.", "Use it, stop it with: tinderbox down, or set TINDERBOX_HOME."
            ) from error
        yield


@contextmanager
def _sockets() -> Iterator[Path]:
    """A folder for the engines' sockets that only this user can enter; its path is short, as sockets' paths must be."""
    folder = Path(tempfile.mkdtemp(prefix="tinderbox-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _listen(config: Config) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, config.port))
        except OSError as error:
            raise Conflict(
                f"Port {config.port} on {config.host} cannot be had: {error.strerror}.",
                "Stop what uses it, or take another with --port.",
            ) from error
        listener.listen(2048)
        yield listener

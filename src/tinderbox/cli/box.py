"""`up`, `down`: the box itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from tinderbox.config import Config, read_config
from tinderbox.errors import BoxNotRunning, TinderboxError

if TYPE_CHECKING:
    from tinderbox.client import Client

_START_PATIENCE = 60.0  # seconds that a detached box gets to listen
_LOAD_PATIENCE = 3600.0  # seconds for the first model: a hundred gigabytes from a slow disk
_STOP_GRACE = 10.0  # seconds beyond the drain


def _given(context: click.Context, option: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...] | None:
    return words or None  # none given: what the file says holds


@click.command(epilog="Example: tinderbox up --detach --model smollm2:135m")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port to listen on; 0 takes a free one.  [default: 8910]")
@click.option("--cert", help="The file of a certificate, for TLS; its private key with --key.")
@click.option("--key", "cert_key", help="The file of the certificate's private key.")
@click.option("--behind-proxy", is_flag=True, default=None, help="Others reach it through a proxy that does TLS.")
@click.option("--allow-host", "allow_hosts", multiple=True, help="A name under which it is reached.", callback=_given)
@click.option("--model", help="Load this model at once.")
@click.option("--context", type=int, help="Tokens of context for each request.  [default: 8192]")
@click.option("--parallel", type=int, help="Requests a model answers at once.  [default: 4]")
@click.option("--threads", type=int, help="Threads of the processor for a model.  [default: its cores]")
@click.option("--memory", help="The most that the box may use, like 16GB.  [default: what there is]")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@click.option("--ask", metavar="QUESTION", help="Ask the model one question once it is loaded.")
@click.option("--once", is_flag=True, help="With --ask: stop after the answer.")
@click.option("--json", "as_json", is_flag=True, help="With --detach: print the address as JSON.")
def up(model: str | None, detach: bool, ask: str | None, once: bool, as_json: bool, **flags: Any) -> None:
    """Start the box: the models' home, on http://127.0.0.1:8910 for programs and people alike."""
    if (ask or once) and not (ask and model and not detach):
        raise click.UsageError("--once needs --ask, and --ask needs --model and a box that is not detached.")
    config = read_config(flags)
    if detach:
        from tinderbox.client import find_box

        address = _start_detached(config, sys.argv[1:], model)
        with find_box(config.home) as box:
            there = f", with {model}" if model else ""
            told = f"The box is up{there}: {box.page_address()}"
            click.echo(json.dumps({"address": address}) if as_json else told)
        return
    import asyncio

    from tinderbox.daemon import run_box

    conversation = _Question(config, model or "", ask, once)
    asyncio.run(run_box(config, load_first=model, ready=conversation.start))
    conversation.end()


@click.command(epilog="Example: tinderbox down")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def down(as_json: bool) -> None:
    """Stop the box. Running answers get 30 seconds to end; no process is left."""
    from tinderbox.client import find_box

    config = read_config()
    with find_box(config.home) as box:
        box.down()
    _wait(lambda: not _is_locked(config.home), config.drain + _STOP_GRACE, "The box has not stopped.")
    click.echo(json.dumps({"status": "stopped"}) if as_json else "The box has stopped.")


def absolute_if_file(model: str) -> str:
    """A path as the box sees it, which has a working folder of its own; any other name as it is."""
    return str(Path(model).absolute()) if model.endswith(".gguf") and not model.startswith(("hf:", "http")) else model


class _Question:
    """What `up --ask` does beside the server: one question through the front door, as any client would ask it."""

    def __init__(self, config: Config, model: str, question: str | None, once: bool) -> None:
        self._config = config
        self._model = model
        self._question = question
        self._once = once
        self._failure: TinderboxError | None = None

    def start(self, address: str) -> None:
        """Called by the box once it listens; the question is asked in a thread, the server needs this one."""
        if self._question:
            Thread(target=self._talk, daemon=True).start()
        else:
            Thread(target=self._announce, daemon=True).start()

    def end(self) -> None:
        if self._failure:
            raise self._failure

    def _announce(self) -> None:
        from tinderbox.client import find_box

        with suppress(TinderboxError), find_box(self._config.home) as box:  # it may have been stopped already
            _announce(box)

    def _talk(self) -> None:
        from tinderbox.client import find_box

        with find_box(self._config.home) as box:
            try:
                self._ask(box)
            except TinderboxError as error:
                self._failure = error
            if self._once or self._failure:
                box.down()
            else:
                _announce(box)

    def _ask(self, box: Client) -> None:
        from tinderbox.cli.chat import describe_speed, stream_answer

        box.load(self._model)
        plan = box.plan(self._model, context=self._config.context)  # before the answer teaches better
        predicted = plan["speed"]["decode_tokens_per_s"]
        click.echo(f"> {self._question}")
        last = stream_answer(box, self._model, [{"role": "user", "content": self._question}], max_tokens=128)
        click.echo(describe_speed(last, predicted=predicted))


def _announce(box: Client) -> None:
    click.echo(f"The box is up: {box.page_address()}   (Ctrl-C stops it)")


def _start_detached(config: Config, words: list[str], model: str | None) -> str:
    """Start the same command in a session of its own and wait until it listens, and `model` is ready.

    Raises in the words it left behind: a box whose first model cannot be loaded ends.
    """
    log = config.home / "logs" / "box.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tinderbox", *(word for word in words if word not in {"--detach", "--json"})]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = config.home / "box.json"

    def lives() -> bool:
        if process.poll() is not None:
            raise TinderboxError(log.read_text().removeprefix("tinderbox: ").strip() or "The box ended without a word.")
        return True

    def listens() -> bool:
        return lives() and address.exists() and json.loads(address.read_text())["pid"] == process.pid

    _wait(listens, _START_PATIENCE, f"The box does not listen. Its words are in {log}.")
    if model is not None:
        _wait(lambda: lives() and _is_ready(config, model), _LOAD_PATIENCE, f"{model} has not loaded yet.")
    return str(json.loads(address.read_text())["address"])


def _is_ready(config: Config, model: str) -> bool:
    from tinderbox.client import find_box
    from tinderbox.models.store import Store

    try:
        with find_box(config.home) as box:
            ready = {lease["holder"] for lease in box.ps()["leases"] if lease["state"] == "ready"}
        return Store(config.home).find(model).name in ready
    except TinderboxError:
        return False  # it is about to end, and will say why


def _wait(until: Callable[[], bool], patience: float, failure: str) -> None:
    deadline = time.monotonic() + patience
    while not until():
        if time.monotonic() > deadline:
            raise TinderboxError(failure, "See: tinderbox doctor")
        time.sleep(0.02)


def _is_locked(home: Path) -> bool:
    import fcntl

    try:
        with (home / "box.lock").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise BoxNotRunning(f"No box runs on {home}.") from error
    return False

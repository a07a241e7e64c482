"""`run`: ask a model once, or talk with it in the terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.printable import printable
from tinderbox.config import home_folder
from tinderbox.units import short

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from tinderbox.client import Client

_HELP = """\
/system TEXT   set what the model is told before the conversation
/clear         forget the conversation
/help          this list
/bye           leave (so does Ctrl-D)
Enter sends; Alt-Enter makes a new line; Ctrl-C stops an answer; the arrow keys bring back what you wrote."""


@click.command(epilog='Example: tinderbox run smollm2:135m "Why is the sky blue?"')
@click.argument("model")
@click.argument("prompt", required=False)
@click.option("--system", help="What the model is told before the conversation.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="The longest answer.")
@click.option("--temperature", type=click.FloatRange(0, 100), help="0 always takes the likeliest word.")
@click.option("--json", "as_json", is_flag=True, help="With a PROMPT: print the answer, its usage and speed as JSON.")
def run(model: str, prompt: str | None, system: str | None, as_json: bool, **sampling: Any) -> None:
    """Chat with MODEL, or answer one PROMPT (also from standard input)."""
    from tinderbox.cli.box import absolute_if_file
    from tinderbox.client import find_box

    wanted = {key: value for key, value in sampling.items() if value is not None}
    name = absolute_if_file(model)
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read().strip()
    with find_box(home_folder()) as box:
        if prompt is None:
            lease = box.load(name)
            Conversation(box, name, system, int(lease["context"]), wanted).talk(_prompt(home_folder()))
        else:
            _answer_once(box, name, [*_told(system), {"role": "user", "content": prompt}], as_json, wanted)


class Conversation:
    """A chat in the terminal: the messages so far, and what is done with each line that a person enters."""

    def __init__(self, box: Client, model: str, system: str | None, context: int, sampling: dict[str, Any]) -> None:
        self._box = box
        self._model = model
        self._context = context
        self._sampling = sampling
        self.messages: list[dict[str, Any]] = _told(system)

    def talk(self, session: PromptSession[str]) -> None:
        click.echo(f"{self._model}, {self._context} tokens of context. /help lists what else you can type.")
        while True:
            try:
                line = session.prompt("> ").strip()
                if line in {"/bye", "/exit", "/quit"}:
                    return
                if line:
                    self.hear(line)
            except KeyboardInterrupt:  # also between an answer's last piece and the next prompt
                continue
            except EOFError:
                return

    def hear(self, line: str) -> None:
        """Obey a line that begins with a slash; send any other to the model."""
        word, _, rest = line.partition(" ")
        if word == "/clear":
            self.messages = [message for message in self.messages if message["role"] == "system"]
            click.echo("The conversation is forgotten.")
        elif word == "/system":
            self.messages = [*_told(rest), *(m for m in self.messages if m["role"] != "system")]
            click.echo("It is told so from the next message on.")
        elif word.startswith("/"):
            click.echo(_HELP)
        else:
            self._ask(line)

    def _ask(self, line: str) -> None:
        from tinderbox.errors import TinderboxError

        asked = [*self.messages, {"role": "user", "content": line}]
        try:
            with interruptible() as presses:
                last = stream_answer(self._box, self._model, asked, presses, **self._sampling)
        except TinderboxError as error:
            click.echo(f"\n{error}", err=True)
            return
        self.messages = [*asked, {"role": "assistant", "content": last["text"]}]
        click.echo(click.style(describe_speed(last, self._context), dim=True))


@contextmanager
def interruptible() -> Iterator[Sequence[int]]:
    """Have Ctrl-C raise KeyboardInterrupt, even if who started us had it ignored, and note each press: Python drops an
    exception that arises while it tidies up, in a destructor or the callback of a weak reference."""
    presses: list[int] = []

    def press(number: int, _: object) -> None:
        presses.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)


def stream_answer(
    box: Client, model: str, messages: list[dict[str, Any]], presses: Sequence[int] = (), **sampling: object
) -> dict[str, Any]:
    """Print an answer as it comes. Returns its `text`, and `usage` and `timings` unless Ctrl-C stopped it, or one of
    `presses` did."""
    text: list[str] = []
    last: dict[str, Any] = {}
    chunks = box.chat(model, messages, **sampling)
    try:
        for chunk in chunks:
            for choice in chunk["choices"]:
                piece = choice["delta"].get("reasoning_content") or choice["delta"].get("content") or ""
                text.append(choice["delta"].get("content") or "")
                click.echo(printable(piece), nl=False)
                sys.stdout.flush()
            if presses:
                raise KeyboardInterrupt
            last = chunk
    except KeyboardInterrupt:
        click.echo(" …", nl=False)
    finally:
        chunks.close()  # type: ignore[attr-defined]  # ends the generation: the engine's slot is free again
    click.echo()
    return {"text": "".join(text)} | {key: last[key] for key in ("usage", "timings") if key in last}


def describe_speed(last: dict[str, Any], context: int | None = None, predicted: dict[str, Any] | None = None) -> str:
    """One line on how fast an answer came, beside what was predicted, and how full the context is."""
    if "timings" not in last:
        return "(stopped)"
    timings, used = last["timings"], last["usage"]["total_tokens"]
    measured = f"{timings['predicted_per_second']:.1f} tokens/s (measured{_beside(predicted)})"
    speed = f"{timings['predicted_n']} tokens at {measured}"
    cached = timings.get("cache_n", 0)
    read = f"prompt: {timings['prompt_n']} read at {timings['prompt_per_second']:.0f} tokens/s, {cached} cached"
    room = f"; context: {used} of {context} ({used / context:.0%})" if context else ""
    return f"{speed}; {read}{room}"


def _beside(predicted: dict[str, Any] | None) -> str:
    if predicted is None:
        return ""
    value, low, high = (short(predicted[key]) for key in ("value", "low", "high"))
    return f"; {value} {predicted['source']}, {low} to {high}"


def _answer_once(
    box: Client, model: str, messages: list[dict[str, Any]], as_json: bool, sampling: dict[str, Any]
) -> None:
    if not as_json:
        last = stream_answer(box, model, messages, **sampling)
        click.echo(describe_speed(last), err=True)
        return
    chunks = list(box.chat(model, messages, **sampling))
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    measured = {key: chunks[-1].get(key) for key in ("usage", "timings")}
    click.echo(json.dumps({"model": model, "text": text, **measured}))


def _told(system: str | None) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}] if system else []


def _prompt(home: Path) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings

    # Asked where its cursor is, a terminal that does not say holds up each line for a second, deaf to Ctrl-C.
    os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
    keys = KeyBindings()
    keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
    history = FileHistory(str(home / "chat_history"))
    return PromptSession(history=history, key_bindings=keys, multiline=False, enable_open_in_editor=True)

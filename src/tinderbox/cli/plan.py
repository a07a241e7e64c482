"""`plan`: what fits and how fast it will be, before anything is downloaded or loaded. Needs neither box nor network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinderbox.cli.printable import printable
from tinderbox.config import home_folder
from tinderbox.errors import DoesNotFit, TinderboxError, WrongUsage
from tinderbox.units import Bytes, format_bytes, format_duration, short

if TYPE_CHECKING:
    from tinderbox.planning import Planner, Question

BAR = 32  # characters that a full memory takes
_PARTS = ("weights", "context", "compute", "output", "gradients", "optimiser", "activations", "overhead")


@click.command(epilog="Example: tinderbox plan gpt-oss-120b --box dgx-spark --context 32768")
@click.argument("model", required=False)
@click.option("--box", help="A box of `tinderbox boxes`.  [default: this machine]")
@click.option("--boxes", type=int, help="Split the model over so many such boxes.  [default: 1]")
@click.option("--engine", help="llama.cpp, vllm, sglang, trtllm or mlx.  [default: llama.cpp]")
@click.option("--quant", help="For a config.json or a well-known model, like Q4_K_M or FP8.")
@click.option("--context", type=int, help="Tokens of context for all sequences.  [default: 8192 or the model's]")
@click.option("--depth", type=int, help="Tokens already in the cache.  [default: 0]")
@click.option("--prompt", type=int, help="Tokens of the prompt that is read.  [default: 2048 on a GPU, 512 on a CPU]")
@click.option("--parallel", type=int, help="Sequences at once; they share the context.  [default: 1]")
@click.option("--kv-type", help="f16, q8_0, q4_0 ...  [default: f16]")
@click.option("--ubatch", type=int, help="Tokens of a prompt computed at once.  [default: 2048 on a GPU, 512 on a CPU]")
@click.option("--flash-attention", type=click.Choice(["on", "off"]), help="[default: on]")
@click.option("--train", help="Plan a training run instead: lora, qlora or full.")
@click.option("--rows", type=click.Path(path_type=Path), help="Answer each row of a CSV file with these columns.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the plan into this .svg file.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(model: str | None, rows: Path | None, plot: Path | None, as_json: bool, **options: Any) -> None:
    """Say whether MODEL fits, how fast it will be, and what to change. Exit status 3 if it does not fit.

    MODEL is a name in the store, a .gguf file, a folder or file with a Hugging Face config.json, or a well-known name.
    As with llama.cpp's --ctx-size, the --parallel sequences share the context.
    """
    from tinderbox.planning import Planner
    from tinderbox.planning import as_json as json_of

    planner = Planner(home_folder())
    if rows is not None:
        _answer_rows(planner, rows, model, options)
        return
    if model is None:
        raise click.UsageError("Name a MODEL, or a file with --rows.")
    if plot is not None and plot.suffix.lower() != ".svg":
        raise WrongUsage(f"{plot} cannot be drawn: only SVG is written.", "Name it something.svg.")
    question = read_question(options | {"model": model})
    answer = planner.answer(question)
    body = json_of(answer)
    if plot is not None:
        plot.write_text(draw(planner, question, body))
    click.echo(json.dumps(body) if as_json else describe_plan(body, _box_name(planner, question)))
    if plot is not None and not as_json:
        click.echo(f"\nDrawn into {plot}.")
    if not answer.fits:
        raise SystemExit(DoesNotFit.exit_status)


def read_question(given: dict[str, Any]) -> Question:
    """A Question from options or from the cells of a row; what is None or empty stays at its default."""
    from tinderbox.planning import Question

    values: dict[str, Any] = {}
    for field in fields(Question):
        value = given.get(field.name)
        if value is None or value == "":
            continue
        values[field.name] = _read(field.name, str(field.type), value)
    if "model" not in values:
        raise WrongUsage("No model is named.", "Fill the column `model`.")
    return Question(**values)


def _read(name: str, kind: str, value: Any) -> Any:
    if kind.startswith("bool"):
        if str(value).lower() not in ("on", "off", "1", "0"):
            raise WrongUsage(f"{name} is on or off, not '{value}'.")
        return str(value).lower() in ("on", "1")
    if kind.startswith("int"):
        try:
            return int(value)
        except ValueError as error:
            raise WrongUsage(f"{name} must be a whole number, not '{value}'.") from error
    return value


def _answer_rows(planner: Planner, file: Path, model: str | None, options: dict[str, Any]) -> None:
    """One JSON object a line, in order; a row that is wrong says so in its line. Options fill what rows leave empty."""
    for cells in _read_rows(file):
        try:
            given = {key: value for key, value in cells.items() if value}
            click.echo(json.dumps(_answer_row(planner, options | {"model": model} | given)))
        except TinderboxError as error:
            click.echo(json.dumps({"error": str(error)}))


def _answer_row(planner: Planner, given: dict[str, Any]) -> dict[str, Any]:
    from tinderbox.planning import as_json as json_of

    return json_of(planner.answer(read_question(given)))


def _read_rows(file: Path) -> Iterator[dict[str, str]]:
    import csv

    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            if "model" not in (reader.fieldnames or ()):
                raise WrongUsage(f"{file} has no column `model`.", "Its first line names the columns.")
            for row in reader:
                yield {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{file} cannot be read: {error}.") from error


def _box_name(planner: Planner, question: Question) -> str:
    machine = planner.machine(question.box)
    return f"this machine ({machine.name})" if machine.id == "this" else machine.name


def describe_plan(body: dict[str, Any], box: str) -> str:
    """The plan as a person reads it: memory by part, speed with its interval, and what to do."""
    verdict = "fits" if body["fits"] else "does not fit"
    train = body.get("train")
    how = (
        f"training with {train['method']}, batches of {train['batch']} x {train['length']} tokens"
        if train
        else f"{body['engine']}, {body['context']} tokens of context"
        + (f" for {body['parallel']} sequences" if body["parallel"] > 1 else "")
    )
    head = f"{printable(body['model'])} {verdict} on {box}: {how}"
    parts = [head, "", *_memory_lines(body["memory"]), "", *_speed_lines(body["speed"])]
    return "\n".join([*parts, *(f"  · {printable(line)}" for line in body["advice"])]).rstrip()


def _memory_lines(memory: dict[str, Any]) -> Iterator[str]:
    full = max(memory["total"], memory["capacity"], 1)
    for name in _PARTS:
        if name in memory:
            yield f"  {name:<11} {format_bytes(memory[name]):>9}  {bar(memory[name], full)}"
    yield f"  {'total':<11} {format_bytes(memory['total']):>9}  {bar(memory['total'], full)}"
    yield f"  {'usable':<11} {format_bytes(memory['capacity']):>9}  {bar(memory['capacity'], full)}"


def bar(size: Bytes, full: Bytes) -> str:
    """A bar in eighths of a character; what is there shows, however little."""
    eighths = max(1 if size else 0, round(size / full * BAR * 8))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _speed_lines(speed: dict[str, Any]) -> Iterator[str]:
    if speed["decode_tokens_per_s"] is None:
        return
    yield f"  decode      {figure(speed['decode_tokens_per_s'])}"
    limit, bound = speed["decode_limit_tokens_per_s"], speed["bound"]
    yield f"  limit       {short(limit)} tokens/s by the memory's bandwidth alone; bound by {bound}"
    yield f"  prefill     {figure(speed['prefill_tokens_per_s'])}"
    yield f"  first token after {format_duration(speed['first_token_s'])}"
    yield ""


def figure(one: dict[str, Any]) -> str:
    """`57.1 tokens/s (52.0 to 62.7, predicted)`."""
    return f"{short(one['value'])} tokens/s ({short(one['low'])} to {short(one['high'])}, {one['source']})"


def draw(planner: Planner, question: Question, body: dict[str, Any]) -> str:
    """The plan as SVG: memory by part, and decode speed over depth."""
    from tinderbox.plan.picture import Line, picture

    points = [] if question.train else planner.points(question)
    lines = [Line("decode, with its 80 % interval", "#c2410c", tuple((one.depth, one.decode) for one in points))]
    return picture(
        f"{body['model']} on {_box_name(planner, question)}", body["memory"], body["memory"]["capacity"], lines
    )


__all__ = ["describe_plan", "plan", "read_question"]

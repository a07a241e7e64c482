"""Fine-tuning a language model, from top to bottom: `python -m tinderbox.train.language`, in the environment `train`.

It reads one JSON line of orders and says how it goes (jobs/process.py). Its first start prepares the data and asks to
be started again, with the memory that the largest row takes. A start that finds a checkpoint goes on behind it: which
examples a step has, its learning rate and its random numbers follow from the recipe and the step's number, so that a
run that was ended comes to the same weights.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tinderbox.errors import TinderboxError, WrongUsage
from tinderbox.train import checkpoint, objective
from tinderbox.train.adapter_file import write_adapter, write_model
from tinderbox.train.base import Base, load_base
from tinderbox.train.objective import Row
from tinderbox.train.prepare import FOLDER, Prepared, find_prepared, prepare, units
from tinderbox.train.recipe import Recipe, as_toml, make_recipe
from tinderbox.train.rows import batch_of, rate_at, rows_of
from tinderbox.train.tokens import Sequences
from tinderbox.train.words import Asked, Ending, Peak, Telling, say

_MOST_ASKED = 256  # held-out sequences that the perplexity is told of


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same through a run. `model` is the base with what is trained; `data` is learnt from, its examples
    having `lengths` and so many `answers` (tokens); `asked` is what the perplexity is told of."""

    recipe: Recipe
    prepared: Prepared
    base: Base
    model: Any
    optimiser: Any
    data: Sequences
    lengths: Sequence[int]
    answers: Sequence[int]
    asked: Sequences
    folder: Path
    device: Any

    @property
    def each(self) -> int:
        """How many sequences an example is."""
        return 2 if self.prepared.kind == "preference" else 1

    @property
    def trained(self) -> dict[str, Any]:
        return {name: weights for name, weights in self.model.named_parameters() if weights.requires_grad}


def train(orders: dict[str, Any], ending: Ending) -> dict[str, Any]:
    """To the end, or until it is asked to end: then it raises Asked, and what was done is in a checkpoint."""
    recipe, folder = make_recipe(orders["recipe"]), Path(orders["folder"])
    if (prepared := find_prepared(folder)) is None:
        say(message="reading the data")
        found = prepare(recipe, Path(orders["path"]), folder, orders["threads"])
        say(again=True, message=f"{found.examples} examples, {found.training['tokens']} tokens")
        return {}
    peak = Peak()
    run = begin(recipe, prepared, orders)
    step, before = restore(run)
    if before is None:
        say(message="asking what is held out")
        before = perplexity(run, ending)
    telling, saved = Telling(prepared.steps, step), time.monotonic()
    while step < prepared.steps:
        try:
            measured = learn(run, step, ending)
        except Asked:
            save(run, step, before)
            raise
        step += 1
        telling.tell(step, **measured, memory=peak.now)
        if step < prepared.steps and (ending.asked or time.monotonic() - saved >= recipe.save_every):
            save(run, step, before)
            saved = time.monotonic()
    save(run, step, before)
    say(progress=1.0, message="asking what is held out")
    after = perplexity(run, ending)
    say(metrics={"step": step, "perplexity": after})
    peak.look()
    result = {"perplexity_before": before, "perplexity": after, "steps": step, "peak_memory": peak.most}
    return result | finish(run, orders, result)


def begin(recipe: Recipe, prepared: Prepared, orders: dict[str, Any]) -> Run:
    """The model in memory, with what is to be trained of it."""
    import torch

    torch.set_num_threads(prepared.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if recipe.method == "qlora":
        raise WrongUsage("QLoRA needs an NVIDIA GPU and bitsandbytes, which are not here.", "Use --method lora.")
    say(message="loading the model")
    torch.manual_seed(recipe.seed)
    base = load_base(Path(orders["path"]), torch.bfloat16 if device.type == "cuda" else torch.float32)
    base.model.to(device)
    base.model.config.use_cache = False
    model = with_adapter(base.model, recipe) if recipe.trains_adapter else base.model
    if recipe.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=recipe.peak_rate, weight_decay=recipe.weight_decay, fused=True)
    folder = Path(orders["folder"])
    data = Sequences.load(folder / FOLDER / "training")
    asked = Sequences.load(folder / FOLDER / "held-out") if prepared.held_out else data
    lengths, answers = units(data, prepared.kind)
    return Run(recipe, prepared, base, model, optimiser, data, lengths, answers, asked, folder, device)


def with_adapter(model: Any, recipe: Recipe) -> Any:
    """Two thin matrices beside each linear layer of the trunk, in 32 bits."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def learn(run: Run, step: int, ending: Ending) -> dict[str, float]:
    """One step: the gradients of its batch, row by row, then the change. Asked to end, it leaves all as it was."""
    import torch

    started = time.monotonic()
    recipe, kind = run.recipe, run.prepared.kind
    batch = batch_of(step, len(run.lengths), recipe)
    share = 1 / (len(batch) if kind == "preference" else sum(run.answers[example] for example in batch))
    rate = rate_at(step, run.prepared.steps, recipe)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    torch.manual_seed(recipe.seed + 1_000_003 * (step + 1))
    sums: dict[str, float] = {}
    run.model.train()
    run.optimiser.zero_grad(set_to_none=True)
    with ending.may_interrupt():
        for examples in rows_of(batch, run.lengths, recipe):
            numbers = [number for example in examples for number in range(example * run.each, (example + 1) * run.each)]
            row = row_of(run.data, numbers, run.device)
            loss, told = objective.loss_of(run.model, row, kind, recipe.beta)
            check(loss.item(), "loss", step, examples, run)
            (loss * share).backward()
            for name, value in ({"loss": loss.item()} | told).items():
                sums[name] = sums.get(name, 0.0) + value * share
        trained = [weights for weights in run.model.parameters() if weights.requires_grad]
        norm = float(torch.nn.utils.clip_grad_norm_(trained, recipe.clip))
        check(norm, "gradient", step, batch, run)
    run.optimiser.step()
    tokens = sum(run.lengths[example] for example in batch)
    return sums | {"rate": rate, "gradient": norm, "tokens_per_s": tokens / (time.monotonic() - started)}


def check(value: float, what: str, step: int, examples: Sequence[int], run: Run) -> None:
    """Raises TinderboxError with the batch where a number is none; the weights are as they were before the step."""
    if math.isfinite(value):
        return
    names = "; ".join(run.data.places[example * run.each] for example in sorted(set(examples)))
    raise TinderboxError(
        f"Step {step + 1}: the {what} is {value}, in the batch of {names}.",
        "Look at them, or choose a smaller --rate; the weights before that step are kept.",
    )


def row_of(sequences: Sequences, numbers: Sequence[int], device: Any) -> Row:
    """These sequences, one behind the other."""
    spans = [sequences.span(number) for number in numbers]
    ids = [sequences.ids[first:last].tolist() for first, last in spans]
    learnt = [sequences.learnt[first:last].tolist() for first, last in spans]
    return Row.of(ids, learnt, device)


def perplexity(run: Run, ending: Ending) -> float:
    """Of the answers that are held out, at most so many; of what is learnt where nothing is."""
    import torch

    run.model.eval()
    count = min(len(run.asked), _MOST_ASKED)
    lengths, answers = run.asked.lengths[:count], run.asked.answers[:count]
    total = 0.0
    with torch.no_grad(), ending.may_interrupt():
        for numbers in rows_of(range(count), lengths, run.recipe):
            total -= float(objective.log_probabilities(run.model, row_of(run.asked, numbers, run.device)).sum())
    return math.exp(min(total / sum(answers), 700.0))


def save(run: Run, step: int, before: float) -> None:
    """Model, optimiser and place; all else follows from the recipe and the step."""
    import torch

    state = {"step": step, "before": before, "weights": run.trained, "optimiser": run.optimiser.state_dict()}
    write = partial(torch.save, state)
    checkpoint.save(run.folder / "checkpoints", step, write, run.recipe.keep)
    say(kept={"step": step})


def restore(run: Run) -> tuple[int, float | None]:
    """The step behind the newest checkpoint that is whole, and the perplexity before the first; 0 and None where there
    is no checkpoint."""
    import torch

    for path in reversed(checkpoint.list_checkpoints(run.folder / "checkpoints")):
        try:
            state = torch.load(path, map_location=run.device, weights_only=True)
        except (RuntimeError, EOFError, OSError) as error:
            say(message=f"{path.name} cannot be read ({error}); the one before is taken")
            continue
        with torch.no_grad():
            for name, weights in run.trained.items():
                weights.copy_(state["weights"][name])
        run.optimiser.load_state_dict(state["optimiser"])
        return int(state["step"]), float(state["before"])
    return 0, None


def finish(run: Run, orders: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The result into the store, with the recipe beside it."""
    from tinderbox.models.adapter import keep_adapter
    from tinderbox.models.store import Store

    store, recipe = Store(Path(orders["home"])), run.recipe
    about = {"made by": f"tinderbox train language, {run.prepared.steps} steps", "sha256": run.prepared.sha256}
    (run.folder / "recipe.toml").write_text(as_toml(recipe, about))
    if recipe.trains_adapter:
        target = run.folder / f"{recipe.name}.gguf"
        write_adapter(run.base, run.model, recipe.alpha, recipe.name, target)
        meta = {"recipe": asdict(recipe), "data_sha256": run.prepared.sha256, **result}
        stored = keep_adapter(store, orders["model"], recipe.name, target, meta, trained_on=orders["content"])
        target.unlink()
        made = {"model": stored.name, "size": stored.size, "sha256": stored.sha256}
        if not recipe.merge:
            return made
        run.model.merge_and_unload()
    return keep_whole(run, orders)


def keep_whole(run: Run, orders: dict[str, Any]) -> dict[str, Any]:
    """The whole model in 16 bits under a name of its own."""
    from tinderbox.models.store import Store

    store = Store(Path(orders["home"]))
    target = write_model(run.base, Path(orders["path"]), run.folder / "model.gguf")
    stored = store.add_file(target, orders["whole"])
    target.unlink()
    return {"model": stored.name, "size": stored.size, "sha256": stored.sha256}


def main() -> None:
    orders, ending = json.loads(sys.stdin.readline()), Ending()
    try:
        if result := train(orders, ending):
            say(result=result)
    except Asked:
        sys.exit(1)
    except TinderboxError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename or orders['folder']}.")


def _fail(error: str) -> NoReturn:
    say(error=error)
    sys.exit(1)


if __name__ == "__main__":
    main()

"""Our trainer beside the loop that anybody would write with transformers and peft: the same model, examples, rank,
optimiser and rate, a step of the one after a step of the other. Run in the environment `train`:

    python bench/bare_loop.py ORDERS.json PAIRS

prints one JSON list: [seconds of our step, seconds of the bare one] for each pair.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tinderbox.train.base import load_base
from tinderbox.train.language import Run, begin, learn
from tinderbox.train.prepare import find_prepared, prepare
from tinderbox.train.recipe import make_recipe
from tinderbox.train.words import Ending


def bare(orders: dict[str, Any], run: Run) -> Any:
    """A function that makes one step on all examples, padded to the longest, as a collator does."""
    import torch
    from peft import LoraConfig, get_peft_model

    model = load_base(Path(orders["path"]), torch.float32).model
    model.config.use_cache = False
    recipe = run.recipe
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    model.train()
    optimiser = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=recipe.peak_rate)
    longest = max(run.data.lengths)
    ids = torch.zeros(len(run.data), longest, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for number in range(len(run.data)):
        first, last = run.data.span(number)
        ids[number, : last - first] = torch.tensor(run.data.ids[first:last])
        mask[number, : last - first] = 1
        learnt = torch.tensor(run.data.learnt[first:last]).bool()
        labels[number, : last - first][learnt] = ids[number, : last - first][learnt]

    def step() -> None:
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        optimiser.zero_grad()

    return step


def main() -> None:
    orders = json.loads(Path(sys.argv[1]).read_text())
    recipe, folder, ending = make_recipe(orders["recipe"]), Path(orders["folder"]), Ending()
    prepare(recipe, Path(orders["path"]), folder, orders["threads"])
    prepared = find_prepared(folder)
    assert prepared is not None
    run = begin(recipe, prepared, orders)
    other = bare(orders, run)
    pairs = []
    for number in range(int(sys.argv[2]) + 1):
        begun = time.perf_counter()
        learn(run, number, ending)
        between = time.perf_counter()
        other()
        pairs.append((between - begun, time.perf_counter() - between))
    print(json.dumps(pairs[1:]), file=sys.stderr)  # the first of each warms up; what is said stands on stdout


main()

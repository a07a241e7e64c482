"""What is learnt: the tokens of answers, or the preferred of two answers (DPO).

Rows are sequences one behind the other that do not see each other: `transformers` tells them apart by positions that
begin anew. Logits are computed only where an answer's token comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """`ids` and `positions` have shape (1, tokens). `asked` are the places before each learnt token, `answers` those
    tokens, `owners` the number of the sequence that each belongs to."""

    ids: Any
    positions: Any
    asked: Any
    answers: Any
    owners: Any
    sequences: int

    @staticmethod
    def of(ids: Sequence[Sequence[int]], learnt: Sequence[Sequence[int]], device: Any) -> Row:
        import torch

        def tensor(values: list[int]) -> Any:
            return torch.tensor(values, dtype=torch.long, device=device)

        flat = [token for sequence in ids for token in sequence]
        positions = [place for sequence in ids for place in range(len(sequence))]
        owners = [number for number, sequence in enumerate(ids) for _ in sequence]
        marks = [mark for sequence in learnt for mark in sequence]
        targets = [place for place, mark in enumerate(marks) if mark and positions[place] > 0]
        return Row(
            ids=tensor(flat)[None],
            positions=tensor(positions)[None],
            asked=tensor([place - 1 for place in targets]),
            answers=tensor([flat[place] for place in targets]),
            owners=tensor([owners[place] for place in targets]),
            sequences=len(ids),
        )


def log_probabilities(model: Any, row: Row) -> Any:
    """Of each learnt token, in 32 bits."""
    import torch

    found = model(input_ids=row.ids, position_ids=row.positions, logits_to_keep=row.asked, use_cache=False)
    return -torch.nn.functional.cross_entropy(found.logits[0].float(), row.answers, reduction="none")


def loss_of(model: Any, row: Row, kind: str, beta: float) -> tuple[Any, dict[str, float]]:
    """The sum over the row's answer tokens, or over its preferences, and what else is told of them."""
    if kind != "preference":
        return -log_probabilities(model, row).sum(), {}
    return _preference(model, row, beta)


def _preference(model: Any, row: Row, beta: float) -> tuple[Any, dict[str, float]]:
    """Direct preference optimisation (Rafailov et al., arXiv 2305.18290); the reference is the model without its
    adapter. Sequences alternate: chosen, rejected."""
    import torch

    with torch.no_grad(), model.disable_adapter():
        known = log_probabilities(model, row)
    changes = log_probabilities(model, row) - known
    sums = torch.zeros(row.sequences, device=changes.device).index_add(0, row.owners, changes)
    margins = beta * (sums[0::2] - sums[1::2])
    told = {"accuracy": float((margins > 0).sum()), "margin": float(margins.detach().sum())}
    return -torch.nn.functional.logsigmoid(margins).sum(), told

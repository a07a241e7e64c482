"""What training a model takes: weights, gradients, the optimiser's state and what the backward pass must remember.

Activations for each token follow Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models"
(arXiv 2205.05198): about 34 bytes for each layer and element of width in 16 bits, with attention that stores no scores
(flash attention), 2 with checkpoints at each layer; and logits three times in 32 bits. AdamW keeps two numbers for
each weight that is trained, here in the format of the weights, as `transformers` does with a model loaded in bf16.
QLoRA: 4 bits and a scale for 64, the scales quantised again (Dettmers et al., arXiv 2305.14314): 0.516 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.errors import WrongUsage, did_you_mean
from tinderbox.models.card import Card
from tinderbox.units import MB, Bytes, GiB

METHODS = ("lora", "qlora", "full")
RUNTIME = GiB  # of libraries, workspaces and the allocator's slack
_LAYER_BYTES = 34
_CHECKPOINT_BYTES = 2
_LOGIT_BYTES = 12
# On a processor, in 32 bits, measured with torch 2.14 and glibc's allocator on llamas of 6 and 30 layers: what the way
# back needs is 67 bytes for each layer, token and element of width where the feed-forward is 2.67 times as wide; freed
# temporaries between what stays make 150 of it.
PROCESSOR_RUNTIME = 430 * MB
_LAYER_WIDTHS, _LAYER_FEED_FORWARDS = 17.4, 7.5  # numbers of 4 bytes, for each element of width and of feed-forward
_RECOMPUTED_LAYERS = 4  # whose activations are there at once, with checkpoints at each layer


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a run is set up. `rank` is of the adapters, on every linear layer. `width` is the bytes of a number: 2 in
    bf16, 4 on a processor without it. `answers` are the tokens whose logits are computed (None: all of them). `twice`:
    the model is asked without its adapter too, as a reference."""

    method: str = "lora"
    batch: int = 1
    length: int = 1024
    rank: int = 16
    checkpointing: bool = True
    width: int = 2
    answers: int | None = None
    twice: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            hint = did_you_mean(self.method, METHODS) or f"Choose one of {', '.join(METHODS)}."
            raise WrongUsage(f"'{self.method}' is no way to train.", hint)


@dataclass(frozen=True, slots=True)
class TrainingFootprint:
    """Bytes by part."""

    weights: Bytes
    gradients: Bytes
    optimiser: Bytes
    activations: Bytes
    overhead: Bytes = RUNTIME

    @property
    def total(self) -> Bytes:
        return self.weights + self.gradients + self.optimiser + self.activations + self.overhead


def training_footprint(card: Card, recipe: Recipe) -> TrainingFootprint:
    """What a run with that recipe takes at its peak, in bf16."""
    trained = card.parameters if recipe.method == "full" else adapter_parameters(card, recipe.rank)
    adapters = 0 if recipe.method == "full" else 4 * trained  # kept in 32 bits, as PEFT does
    if recipe.width == 4:
        return _on_processor(card, recipe, trained)
    return TrainingFootprint(
        weights=_weights(card, recipe) + adapters,
        gradients=(2 if recipe.method == "full" else 4) * trained,
        optimiser=(4 if recipe.method == "full" else 8) * trained,
        activations=recipe.batch * recipe.length * activation_bytes(card, checkpointing=recipe.checkpointing),
    )


def _on_processor(card: Card, recipe: Recipe, trained: int) -> TrainingFootprint:
    """All in 32 bits."""
    inner = card.sums.feed_forward or 4 * card.embedding_length
    layer = 4 * int(_LAYER_WIDTHS * card.embedding_length + _LAYER_FEED_FORWARDS * inner)
    tokens, layers = recipe.batch * recipe.length, len(card.layers)
    kept = 4 * card.embedding_length * layers + min(layers, _RECOMPUTED_LAYERS) * layer
    answers = tokens if recipe.answers is None else recipe.answers
    reference = 4 * card.vocabulary * answers if recipe.twice else 0
    return TrainingFootprint(
        weights=4 * card.parameters + (0 if recipe.method == "full" else 4 * trained),
        gradients=4 * trained,
        optimiser=8 * trained,
        activations=tokens * (kept if recipe.checkpointing else layer * layers)
        + _LOGIT_BYTES * card.vocabulary * answers
        + reference,
        overhead=PROCESSOR_RUNTIME,
    )


def adapter_parameters(card: Card, rank: int) -> int:
    """Two thin matrices beside each linear layer of the trunk; experts are left as they are."""
    return sum(
        rank * sum(tensor.shape)
        for tensor in card.used_tensors
        if tensor.layer is not None and len(tensor.shape) == 2 and min(tensor.shape) > rank and "inp" not in tensor.name
    )


def activation_bytes(card: Card, *, checkpointing: bool) -> Bytes:
    """For one token. With checkpoints one layer at a time is computed again, so one layer's are alive in full."""
    width, layers = card.embedding_length, len(card.layers)
    kept = _CHECKPOINT_BYTES * layers + _LAYER_BYTES if checkpointing else _LAYER_BYTES * layers
    return width * kept + _LOGIT_BYTES * card.vocabulary


def _weights(card: Card, recipe: Recipe) -> Bytes:
    if recipe.method != "qlora":
        return 2 * card.parameters
    outside = sum(tensor.elements for tensor in card.tensors if tensor.layer is None or len(tensor.shape) < 2)
    return 2 * outside + (card.parameters - outside) * 516 // 1000

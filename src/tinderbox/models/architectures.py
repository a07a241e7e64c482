"""What the layers of each architecture remember, from the keys of a GGUF header.

The keys are those of llama.cpp without the architecture's prefix; the rules follow its llama-hparams.cpp, the memory
chosen in llama-model.cpp, and `load_arch_hparams` in models/*.cpp. A reader of another format can name its values by
the same keys and use the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tinderbox.models.card import Attention, Layer

MOST_LAYERS = 512
LONGEST = 1 << 32  # of any length or count: what a header's 32 bits can say


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the header leaves unsaid. The defaults are a plain transformer's.

    `period`: where windows slide, one layer in so many sees everything (0: none does).
    `window`: the window where the header names none; `fixed_window`: whatever the header names.
    `recurrent`: which layers hold a state instead of a cache.
    """

    slides: bool = False
    period: int = 0
    full_first: bool = False
    window: int = 0
    fixed_window: bool = False
    slides_only_at: int = 0  # so many layers; smaller models of the family see everything
    recurrent: Literal["none", "all", "headless", "interval", "beside"] = "none"
    interval: int = 4
    alternates: bool = False  # a layer is recurrent, or attention, or feed-forward
    caching: int | None = None  # so many layers from the first have a cache; the others read theirs


_PLAIN = Architecture()

ARCHITECTURES: dict[str, Architecture] = {
    "afmoe": Architecture(slides=True, period=4),
    "cohere2": Architecture(slides=True, period=4),
    "cohere2moe": Architecture(slides=True, period=4, full_first=True),
    "exaone-moe": Architecture(slides=True, period=4, window=128),
    "exaone4": Architecture(slides=True, period=4, window=4096, slides_only_at=64),
    "gemma-embedding": Architecture(slides=True, period=6),
    "gemma2": Architecture(slides=True, period=2, window=4096),
    "gemma3": Architecture(slides=True, period=6),
    "gemma3n": Architecture(slides=True, period=5, caching=20),
    "gemma4": Architecture(slides=True),
    "gpt-oss": Architecture(slides=True, period=2),
    "granite_swa": Architecture(slides=True),
    "laguna": Architecture(slides=True, period=4, full_first=True),
    "llama4": Architecture(slides=True, period=4, window=8192, fixed_window=True),
    "maple": Architecture(slides=True),
    "mellum": Architecture(slides=True, period=4),
    "mimo2": Architecture(slides=True),
    "modern-bert": Architecture(slides=True, period=3, full_first=True),
    "muse-glimmer": Architecture(slides=True, period=4),
    "olmo2": Architecture(slides=True, period=4),
    "plamo3": Architecture(slides=True, period=8),
    "smallthinker": Architecture(slides=True, period=4, full_first=True),
    "spark2_5": Architecture(slides=True),
    "step35": Architecture(slides=True),
    "bailingmoe3": Architecture(recurrent="headless"),
    "falcon-h1": Architecture(recurrent="beside"),
    "granitehybrid": Architecture(recurrent="headless"),
    "jamba": Architecture(recurrent="headless"),
    "kimi-k3": Architecture(recurrent="headless"),
    "kimi-linear": Architecture(recurrent="headless"),
    "lfm2": Architecture(recurrent="headless", slides=True),
    "lfm2moe": Architecture(recurrent="headless"),
    "minimax-01": Architecture(recurrent="interval", interval=8),
    "nemotron_h": Architecture(recurrent="headless", alternates=True),
    "nemotron_h_moe": Architecture(recurrent="headless", alternates=True),
    "plamo2": Architecture(recurrent="headless"),
    "qwen35": Architecture(recurrent="interval"),
    "qwen35moe": Architecture(recurrent="interval"),
    "qwen3next": Architecture(recurrent="interval"),
    "qwen4exp": Architecture(recurrent="interval"),
} | {name: Architecture(recurrent="all") for name in ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7")}


def layers_of(architecture: str, metadata: Mapping[str, object]) -> tuple[Layer, ...]:
    """The layers that a header describes; none where it has no block_count. Raises ValueError for what cannot be."""
    keys = _Keys(architecture, metadata)
    count = keys.number("block_count")
    if count > MOST_LAYERS:
        raise ValueError(f"{keys.named('block_count')} is {count}, more than {MOST_LAYERS}")
    rules = ARCHITECTURES.get(architecture, _PLAIN)
    own = count - min(count, keys.number("nextn_predict_layers"))  # those after them only guess ahead, in a cache apart
    caching = min(own, _caching(keys, rules, count))
    full, state = _full_attention(keys, count), _state(keys)
    slides, recurrent = _sliding(keys, rules, count), _recurrent(keys, rules, full)
    feeds_forward = _feeds_forward(keys, rules, count)
    layers: list[Layer] = []
    for i, layer in enumerate(full):
        if i >= own or feeds_forward[i] or (not recurrent[i] and not layer.kv_heads):
            layers.append(Layer(Attention.NONE, heads=layer.heads))
        elif i >= caching:
            layers.append(replace(_slid(keys, layer, rules) if slides[i] else layer, shares_cache=True))
        elif recurrent[i]:
            beside = rules.recurrent == "beside"
            layers.append(replace(layer, state=state.state, convolution=state.convolution) if beside else state)
        else:
            layers.append(_slid(keys, layer, rules) if slides[i] else layer)
    return tuple(_indexed(keys, layers))


class _Keys:
    """The header's values by their short names, each checked before it is believed."""

    def __init__(self, architecture: str, metadata: Mapping[str, object]) -> None:
        self.architecture = architecture
        self.metadata = metadata

    def named(self, key: str) -> str:
        return f"{self.architecture}.{key}"

    def number(self, key: str, otherwise: int = 0) -> int:
        """A whole number; of a list for each layer, the first."""
        value = self.metadata.get(self.named(key))
        if isinstance(value, tuple) and value:
            value = value[0]
        return otherwise if value is None else self.checked(key, value)

    def each(self, key: str, count: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        """A whole number for each layer, said once for all or one by one."""
        value = self.metadata.get(self.named(key))
        if value is None:
            return otherwise
        if not isinstance(value, tuple):
            return (self.checked(key, value),) * count
        if len(value) < count:
            raise ValueError(f"{self.named(key)} has {len(value)} values for {count} layers")
        return tuple(self.checked(key, item) for item in value[:count])

    def checked(self, key: str, value: object) -> int:
        if not isinstance(value, int) or not 0 <= value < LONGEST:
            raise ValueError(f"{self.named(key)} is {str(value)[:40]}, which is no count")
        return int(value)


def _full_attention(keys: _Keys, count: int) -> list[Layer]:
    heads = keys.each("attention.head_count", count, (0,) * count)
    kv_heads = keys.each("attention.head_count_kv", count, heads)
    length = keys.number("embedding_length") // heads[0] if count and heads[0] else 0
    key, value = keys.number("attention.key_length", length), keys.number("attention.value_length", length)
    latent = keys.number("attention.key_length_mla") > 0 and keys.number("attention.value_length_mla") > 0
    kind = Attention.LATENT if latent else Attention.FULL
    return [Layer(kind, heads[i], kv_heads[i], key, value) for i in range(count)]


def _sliding(keys: _Keys, rules: Architecture, count: int) -> tuple[bool, ...]:
    """Which layers see only a window. A header without a window has none, unless the architecture always does."""
    said = keys.number("attention.sliding_window", rules.window)
    if not rules.slides or not said or rules.slides_only_at not in (0, count):
        return (False,) * count
    pattern = keys.metadata.get(keys.named("attention.sliding_window_pattern"))
    if isinstance(pattern, tuple):
        return tuple(map(bool, keys.each("attention.sliding_window_pattern", count, ())))
    period = keys.number("attention.sliding_window_pattern", rules.period)
    if rules.full_first:
        return tuple(period == 0 or i % period != 0 for i in range(count))
    return tuple(period == 0 or i % period < period - 1 for i in range(count))


def _slid(keys: _Keys, full: Layer, rules: Architecture) -> Layer:
    window = rules.window if rules.fixed_window else keys.number("attention.sliding_window", rules.window)
    key = keys.number("attention.key_length_swa", full.key_length)
    value = keys.number("attention.value_length_swa", full.value_length)
    return replace(full, attention=Attention.SLIDING, window=window, key_length=key, value_length=value)


def _indexed(keys: _Keys, layers: list[Layer]) -> list[Layer]:
    """Layers with an indexer that picks the tokens to look at keep a row for it, and DeepSeek V4's compress theirs."""
    length, heads = keys.number("attention.indexer.key_length"), keys.number("attention.indexer.head_count")
    if not length:
        return layers
    count = len(layers)
    if keys.architecture == "deepseek4":
        window = keys.number("attention.sliding_window")
        return [
            replace(layer, attention=Attention.LATENT, window=window, ratio=ratio, index_length=length * (ratio == 4))
            for layer, ratio in zip(layers, keys.each("attention.compress_ratios", count, (0,) * count), strict=True)
        ]
    indexing = keys.each("attention.indexer.types", count, (1,) * count)
    first = keys.number("leading_dense_block_count") if keys.architecture == "minimax-m3" else 0
    extra = layers[0].value_length if keys.architecture == "minimax-m3" else 0  # a row of values that nothing reads
    return [
        replace(layer, index_length=length + extra, index_heads=heads)
        if i >= first and indexing[i] and layer.attention in (Attention.LATENT, Attention.FULL)
        else layer
        for i, layer in enumerate(layers)
    ]


def _recurrent(keys: _Keys, rules: Architecture, full: list[Layer]) -> tuple[bool, ...]:
    match rules.recurrent:
        case "all" | "beside":
            return (True,) * len(full)
        case "headless":
            return tuple(layer.kv_heads == 0 for layer in full)
        case "interval":
            interval = keys.number("full_attention_interval", rules.interval) or 1
            by_interval = tuple(int((i + 1) % interval != 0) for i in range(len(full)))
            return tuple(map(bool, keys.each("attention.recurrent_layers", len(full), by_interval)))
        case "none":
            return (False,) * len(full)


def _feeds_forward(keys: _Keys, rules: Architecture, count: int) -> tuple[bool, ...]:
    """Which layers do nothing else, and so remember nothing."""
    if not rules.alternates:
        return (False,) * count
    return tuple(map(bool, keys.each("feed_forward_length", count, (0,) * count)))


def _caching(keys: _Keys, rules: Architecture, count: int) -> int:
    shared = keys.number("attention.shared_kv_layers")
    return max(0, count - shared) if rules.caching is None else rules.caching


def _state(keys: _Keys) -> Layer:
    """A recurrent layer: the numbers that it holds for each sequence, as llama.cpp counts them."""
    width, heads = keys.number("embedding_length"), keys.number("attention.head_count")
    kernel = max(0, keys.number("ssm.conv_kernel") - 1)
    inner, state_size = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    convolution = kernel * (inner + 2 * keys.number("ssm.group_count") * state_size)
    state = state_size * inner
    if keys.architecture == "minimax-01":
        state = keys.number("attention.key_length", width // heads if heads else 0) ** 2 * heads
    if delta := keys.number("kda.head_dim"):
        convolution = 3 * (kernel or 3) * heads * delta
        state = delta * delta * heads
    if short := keys.number("shortconv.l_cache"):
        convolution = width * (short - 1)
    if wkv := keys.number("wkv.head_size"):
        convolution, state = keys.number("token_shift_count", 2) * width, width * wkv
    return Layer(Attention.RECURRENT, heads=heads, state=state, convolution=convolution)

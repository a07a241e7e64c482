"""An adapter: a few small matrices (LoRA) that make another model of a base, and are served on the base's own weights.

In the store it is called `BASE+NAME`. Its file is a GGUF of llama.cpp's kind `adapter`: for each tensor that it changes
a pair, `TENSOR.lora_a` and `TENSOR.lora_b`. It is read as carefully as a model, and held against its base.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinderbox.errors import BadModelFile, Conflict, NotFound, WrongUsage
from tinderbox.models.card import Card, Tensor
from tinderbox.models.gguf_header import Header, read_header
from tinderbox.models.name import AdapterName, parse
from tinderbox.units import Bytes

if TYPE_CHECKING:
    from tinderbox.models.store import Store
    from tinderbox.models.stored import Stored

FACTS = "facts.json"
_A, _B = ".lora_a", ".lora_b"
_ALIGNMENT = 32  # bytes; of a tensor in llama.cpp's buffers
_EMBEDDING = "token_embd.weight"
_OTHER_FILE = "Take an adapter that was made for this model, as a GGUF of llama.cpp's."


@dataclass(frozen=True, slots=True)
class Pair:
    """How one tensor of the base is changed: by `b` times `a`, which are narrow."""

    target: str
    a: Tensor
    b: Tensor

    @property
    def rank(self) -> int:
        return self.b.shape[0]


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """What an adapter's header says. A pair counts with `alpha` over its rank; an `alpha` of 0 stands for the rank."""

    name: str
    architecture: str
    alpha: float
    pairs: tuple[Pair, ...]

    @property
    def rank(self) -> int:
        return max(pair.rank for pair in self.pairs)

    @property
    def parameters(self) -> int:
        return sum(pair.a.elements + pair.b.elements for pair in self.pairs)

    @property
    def weights(self) -> Bytes:
        """What its tensors take in an engine's buffers."""
        sizes = (tensor.size for pair in self.pairs for tensor in (pair.a, pair.b))
        return sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)

    @property
    def targets(self) -> tuple[str, ...]:
        """The kinds of tensors that it changes: `attn_q` and its like, each once."""
        words = (pair.target.removesuffix(".weight").rpartition(".")[2] for pair in self.pairs)
        return tuple(dict.fromkeys(words))


def keep_adapter(
    store: Store, base: str, name: str, path: Path, meta: Mapping[str, Any], *, trained_on: str | None = None
) -> Stored:
    """Takes an adapter's GGUF file into the store as `BASE+NAME`, for the stored model `base`; what is returned is a
    model of the store like any other, whose `base` is set.

    `meta` says how it was made: what JSON can say, small; `facts_of` gives it back, and `show` tells it. `trained_on`
    is the `content` that the base had when the training began. The file is linked or copied, and stays the caller's.

    Raises NotFound (no such base), WrongUsage (a name that is none, a base that is an adapter or lies outside the
    store), BadModelFile (no adapter, or not of this base), Conflict (the name is taken by another content, or the base
    is not the one that it was trained on). What can be known before the training, `check_adapter_name` says then.
    """
    wanted, stored = check_adapter_name(store, base, name)
    if trained_on is not None and trained_on != stored.content:
        raise Conflict(f"{stored.name} is another model than when {wanted} was trained.", "Train it again.")
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    check_fits(read_adapter(path), path.name, stored.card(), stored.name)
    known = {"base": stored.name, "base_content": stored.content, "made": dict(meta)}
    store.partial.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.partial, prefix="facts-") as folder:
        facts = Path(folder) / FACTS
        facts.write_text(json.dumps(known, sort_keys=True))
        return store.add_adapter(wanted, stored, [path, facts], f"file:{path.resolve()}")


def facts_of(adapter: Stored) -> dict[str, Any]:
    """How an adapter was made, as it was said to `keep_adapter`; nothing of what is no adapter."""
    if adapter.base is None:
        return {}
    facts = next((file for file in adapter.files if file.name == FACTS), None)
    made: dict[str, Any] = json.loads(facts.read_text())["made"] if facts and facts.exists() else {}
    return made


def check_adapter_name(store: Store, base: str, name: str) -> tuple[AdapterName, Stored]:
    """What an adapter of `base` is called, and the base. Raises as keep_adapter; a name that is taken is no error
    here, since it may be by the same content."""
    stored = store.find(base)
    if stored.base is not None:
        raise WrongUsage(
            f"{stored.name} is an adapter itself; one is made for a model.", f"Name its base: {stored.base.name}."
        )
    if stored.content is None:
        raise WrongUsage(
            f"{stored.name} is not in the store, and may change unseen under an adapter.",
            f"Add it first: tinderbox pull {stored.name}",
        )
    wanted = parse(f"{stored.name}+{name}")
    if not isinstance(wanted, AdapterName) or wanted.name != name.lower():
        raise WrongUsage(f"'{name}' is no name for an adapter.", "Use letters, digits, '.', '_' and '-'.")
    return wanted, stored


def read_adapter(path: Path) -> AdapterCard:
    """The card of an adapter's file. Raises BadModelFile with the reason."""
    header = read_header(path)
    kind, sort = header.metadata.get("general.type"), header.metadata.get("adapter.type")
    if kind != "adapter" or sort != "lora":
        said = f"general.type '{_short(kind)}', adapter.type '{_short(sort)}'"
        raise BadModelFile(f"{path.name} is no LoRA adapter: it says {said}.", _OTHER_FILE)
    if "adapter.alora.invocation_tokens" in header.metadata:
        what = f"{path.name} is an adapter that begins in the middle of a prompt (aLoRA), which is not served here."
        raise BadModelFile(what, "Take one that applies to the whole prompt.")
    architecture = header.metadata.get("general.architecture")
    alpha = header.metadata.get("adapter.lora.alpha", 0.0)
    if not isinstance(architecture, str) or not architecture:
        raise BadModelFile(f"{path.name} names no architecture (general.architecture).")
    if type(alpha) is not float or not math.isfinite(alpha):
        raise BadModelFile(f"{path.name} says {_short(alpha)} as adapter.lora.alpha, which is no number.")
    name = header.metadata.get("general.name")
    return AdapterCard(name if isinstance(name, str) else path.stem, architecture, alpha, _pairs(path.name, header))


def check_fits(adapter: AdapterCard, file: str, base: Card, base_name: str) -> None:
    """That each of its pairs can be added to a tensor of the base. Raises BadModelFile with the first that cannot."""
    if adapter.architecture != base.architecture:
        raise BadModelFile(
            f"{file} is an adapter for the architecture {_short(adapter.architecture)}; {base_name} is "
            f"{base.architecture}.",
            _OTHER_FILE,
        )
    shapes = {tensor.name: tensor.shape for tensor in base.used_tensors}
    for pair in adapter.pairs:
        label = f"the tensor '{pair.target[:80]}'"
        if pair.target not in shapes:
            raise BadModelFile(f"{file} changes {label}, which {base_name} does not have.", _OTHER_FILE)
        made, there = _made(pair), shapes[pair.target]
        if made != there:
            shown = f"{'x'.join(map(str, made))}, not {'x'.join(map(str, there))}"
            raise BadModelFile(f"{file} does not fit {base_name}: it makes {label} {shown}.", _OTHER_FILE)


def _made(pair: Pair) -> tuple[int, ...]:
    """The shape of what a pair adds. llama.cpp takes the embedding's rows out of `a`, so that pair lies the other way
    round."""
    if pair.target == _EMBEDDING:
        return (pair.b.shape[1], pair.a.shape[1])
    return (pair.a.shape[0], pair.b.shape[1], *pair.a.shape[2:])


def _pairs(file: str, header: Header) -> tuple[Pair, ...]:
    halves: dict[str, dict[str, Tensor]] = {}
    for tensor in header.tensors:
        target, ending = tensor.name[: -len(_A)], tensor.name[-len(_A) :]
        if ending not in (_A, _B):
            raise BadModelFile(
                f"{file} holds the tensor '{tensor.name[:80]}', which is no part of a LoRA and would be left out."
            )
        halves.setdefault(target, {})[ending] = tensor
    if not halves:
        raise BadModelFile(f"{file} holds no tensors.")
    return tuple(_pair(file, target, half) for target, half in halves.items())


def _pair(file: str, target: str, half: Mapping[str, Tensor]) -> Pair:
    label = f"the tensor '{target[:80]}'"
    if len(half) != 2:
        raise BadModelFile(f"{file} has only half of what changes {label}.")
    a, b = half[_A], half[_B]
    rank = a.shape[0] if target == _EMBEDDING else a.shape[1] if len(a.shape) > 1 else None
    if len(a.shape) < 2 or len(a.shape) != len(b.shape) or rank != b.shape[0] or a.shape[2:] != b.shape[2:]:
        raise BadModelFile(f"{file}: the two halves of {label} do not fit: {list(a.shape)} and {list(b.shape)}.")
    return Pair(target, a, b)


def _short(value: object) -> str:
    return str(value)[:40]

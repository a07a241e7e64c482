"""The model that a run begins with: its tokenizer and its weights out of the store's GGUF file, and where each of its
parameters lies in that file.

Runs in the environment `train`. What a configuration and a tokenizer become is `transformers`' doing; the weights are
read here a tensor at a time, so that the file is never held twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinderbox.errors import BadModelFile
from tinderbox.models.gguf_header import read_header


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parameter lies in the GGUF file: under what name, with which rows (row i of the file is row `rows[i]` of
    the parameter; None: as they are), and what is added to its numbers there."""

    tensor: str
    rows: Any = None
    added: float = 0.0


@dataclass(frozen=True, slots=True)
class Base:
    """`model` is a causal language model of `transformers`; `places` are those of its parameters."""

    model: Any
    architecture: str
    places: dict[str, Place]


def load_tokenizer(path: Path) -> Any:
    """The tokenizer in a GGUF file, with its chat template."""
    from transformers import AutoTokenizer

    with _quick_reading():
        return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def context_of(path: Path) -> int:
    """The most tokens that the model was made for."""
    metadata = read_header(path).metadata
    length = metadata.get(f"{metadata.get('general.architecture')}.context_length")
    return length if isinstance(length, int) else 1 << 20


def load_base(path: Path, dtype: Any) -> Base:
    """The model in a GGUF file, its weights as `dtype`. Raises BadModelFile for an architecture, or a part of one, that
    cannot be trained."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    architecture = str(read_header(path).metadata["general.architecture"])
    try:
        with _quick_reading():
            config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
        with no_init_weights():
            model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    except (ValueError, KeyError, NotImplementedError) as error:
        raise BadModelFile(
            f"{path.name} is a '{architecture}', and no trainer reads that from a GGUF file: {error}.",
            "Train another model of the store.",
        ) from error
    model.tie_weights()
    places = _places(model, config, architecture)
    with torch.no_grad():
        _fill(model, config, architecture, path, places)
    return Base(model, architecture, places)


def _places(model: Any, config: Any, architecture: str) -> dict[str, Place]:
    """For each parameter, what llama.cpp's converter calls it, and what it does to its rows and numbers."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    number = next(number for number, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(number, config.num_hidden_layers)
    process = _reading(config, architecture)
    places = {}
    for name, parameter in model.named_parameters():
        stem, _, ending = name.rpartition(".")
        if (found := names.get_name(stem)) is not None:
            tensor = f"{found}.{ending}"
            places[name] = Place(tensor, *_change(process, tensor, parameter.shape[0]))
    return places


def _reading(config: Any, architecture: str) -> Any:
    """How `transformers` changes a tensor of that architecture when it reads it."""
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor

    return TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=config.to_dict()).process


def _change(process: Any, tensor: str, rows: int) -> tuple[Any, float]:
    """Seen by what it makes of row numbers and of zeros: the inverse of the order in which it puts rows, and what the
    file has added to the numbers."""
    import numpy

    numbers = numpy.arange(rows, dtype=numpy.float64)
    shaped = numbers.reshape(rows, 1) if tensor.endswith(".weight") and "norm" not in tensor else numbers
    zero = float(process(weights=numpy.zeros_like(shaped), name=tensor).weights.reshape(-1)[0])
    order = process(weights=shaped, name=tensor).weights.reshape(-1) - zero
    rows_there = numpy.argsort(order.astype(numpy.int64))
    return (None if (rows_there == numpy.arange(rows)).all() else rows_there), -zero


def _fill(model: Any, config: Any, architecture: str, path: Path, places: dict[str, Place]) -> None:
    import torch
    from gguf import GGMLQuantizationType, GGUFReader, dequantize

    process = _reading(config, architecture)
    parameters = dict(model.named_parameters())
    wanted = {place.tensor: name for name, place in places.items()}
    with _quick_reading() as reader_of:
        reader: GGUFReader = reader_of(path)
    for tensor in reader.tensors:
        if (name := wanted.pop(tensor.name, None)) is None:
            continue
        weights = dequantize(tensor.data, GGMLQuantizationType(tensor.tensor_type))
        weights = process(weights=weights, name=tensor.name).weights
        if tuple(weights.shape) != tuple(parameters[name].shape):
            raise BadModelFile(f"{path.name}: '{tensor.name}' has the shape {list(weights.shape)}, which does not fit.")
        parameters.pop(name).copy_(torch.tensor(weights))
    if parameters:
        missing = next(iter(parameters))
        raise BadModelFile(
            f"{path.name} is a '{architecture}' with parts that cannot be trained: {missing} is not read from it.",
            "Train another model of the store.",
        )


@contextmanager
def _quick_reading() -> Iterator[Any]:
    """The gguf package's reader, which `transformers` uses too, over a plain view of the file: over its own, a
    vocabulary takes six times as long."""
    import gguf
    import numpy

    class Reader(gguf.GGUFReader):  # type: ignore[misc]  # the package is not here when types are checked
        def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
            count = int(count)
            return numpy.frombuffer(self.data, dtype, count, int(offset)) if count else numpy.empty(0, dtype)

    usual, gguf.GGUFReader = gguf.GGUFReader, Reader
    try:
        yield Reader
    finally:
        gguf.GGUFReader = usual

"""What a run has learnt, as a GGUF file of llama.cpp's: the adapter alone, or the whole model.

Runs in the environment `train`. Rows go back into the order that the base's file has them in (base.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tinderbox.train.base import Base, Place

_PAIR = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.default\.weight")


def write_adapter(base: Base, trained: Any, alpha: float, name: str, target: Path) -> Path:
    """The adapter of a model that `peft` has wrapped, in 32 bits."""
    import gguf

    writer = gguf.GGUFWriter(target, base.architecture)
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for parameter, weights in trained.named_parameters():
        if (match := _PAIR.fullmatch(parameter)) is None:
            continue
        place = base.places[f"{match[1]}.weight"]
        values = weights.detach().float().cpu().numpy()
        if match[2] == "B" and place.rows is not None:
            values = values[place.rows]
        writer.add_tensor(f"{place.tensor}.lora_{match[2].lower()}", values)
    _write(writer)
    return target


def write_model(base: Base, source: Path, target: Path) -> Path:
    """The whole model: the file it came from, with its matrices as they are now, in 16 bits."""
    import gguf
    import numpy

    from tinderbox.models.gguf_header import read_header

    parameters = dict(base.model.named_parameters())
    of_tensor = {place.tensor: (name, place) for name, place in base.places.items()}
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, base.architecture)
    _copy_metadata(reader, writer)
    for tensor in read_header(source).tensors:
        if tensor.name in of_tensor:
            name, place = of_tensor[tensor.name]
            values = _as_there(parameters[name], place)
        else:
            found = next(one for one in reader.tensors if one.name == tensor.name)
            values = gguf.dequantize(found.data, found.tensor_type)
        is_matrix = len(tensor.shape) > 1
        writer.add_tensor(tensor.name, values.astype(numpy.float16 if is_matrix else numpy.float32))
    _write(writer)
    return target


def _as_there(parameter: Any, place: Place) -> Any:
    values = parameter.detach().float().cpu().numpy()
    if place.rows is not None:
        values = values[place.rows]
    return values + place.added if place.added else values


def _copy_metadata(reader: Any, writer: Any) -> None:
    from gguf import GGUFValueType, LlamaFileType

    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        part = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=part)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)


def _write(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

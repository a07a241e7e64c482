from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tinderbox.errors import BadModelFile
from tinderbox.models.safetensors import INDEX, read_tensors

ENTRY = {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 64]}


def write(path: Path, header: dict[str, Any], data: int = 64) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    return path


def test_a_file_is_read_by_its_header(tmp_path: Path) -> None:
    file = write(tmp_path / "model.safetensors", {"__metadata__": {"format": "pt"}, "a": ENTRY})

    (tensor,) = read_tensors(file)

    assert (tensor.name, tensor.shape, tensor.type, tensor.size) == ("a", (8, 4), "BF16", 64)


def test_an_index_names_the_files(tmp_path: Path) -> None:
    write(tmp_path / "one.safetensors", {"a": ENTRY})
    write(tmp_path / "two.safetensors", {"b": ENTRY})
    write(tmp_path / "other.safetensors", {"c": ENTRY})
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))

    assert [tensor.name for tensor in read_tensors(tmp_path)] == ["a", "b"]


def test_a_folder_without_an_index_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors", {"a": ENTRY})

    assert len(read_tensors(tmp_path)) == 1


def test_a_folder_without_any_has_none(tmp_path: Path) -> None:
    assert read_tensors(tmp_path) == ()


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 65]},
        {"dtype": "BF16", "shape": [4, 8], "data_offsets": [64, 0]},
        {"dtype": "BF16", "shape": [-4, 8], "data_offsets": [0, 64]},
        {"dtype": "BF16", "shape": [10**9, 10**9], "data_offsets": [0, 64]},
        {"dtype": "X9", "shape": [4, 8], "data_offsets": [0, 64]},
        {"dtype": "BF16", "shape": "wide", "data_offsets": [0, 64]},
        {"dtype": "BF16"},
        7,
    ],
)
def test_an_entry_that_does_not_fit_is_refused(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(BadModelFile, match="the entry of 'a'"):
        read_tensors(write(tmp_path / "m.safetensors", {"a": entry}))


def test_a_header_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(struct.pack("<Q", 2**60) + b"{}")

    with pytest.raises(BadModelFile, match="says that its header has"):
        read_tensors(file)


@pytest.mark.parametrize("data", [b"", b"123", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 2) + b"{x"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(data)

    with pytest.raises(BadModelFile, match=r"m\.safetensors"):
        read_tensors(file)


def test_an_index_cannot_reach_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))

    with pytest.raises(BadModelFile, match="outside its folder"):
        read_tensors(tmp_path)


def test_two_files_cannot_hold_the_same_tensor(tmp_path: Path) -> None:
    write(tmp_path / "one.safetensors", {"a": ENTRY})
    write(tmp_path / "two.safetensors", {"a": ENTRY})

    with pytest.raises(BadModelFile, match="another file holds too"):
        read_tensors(tmp_path)

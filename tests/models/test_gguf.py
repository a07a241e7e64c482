from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from tests.models.gguf_writer import GgufFile, llama, text, value
from tinderbox.errors import BadModelFile
from tinderbox.models.gguf import read_card, read_header
from tinderbox.models.gguf_header import LongArray


def refusal_of(file: GgufFile | bytes, folder: Path) -> str:
    path = folder / "odd.gguf"
    path.write_bytes(file if isinstance(file, bytes) else file.encoded())
    with pytest.raises(BadModelFile) as refused:
        read_card(path)
    assert refused.value.what.startswith("odd.gguf")
    return refused.value.what


def test_a_card_says_what_the_header_says(tmp_path: Path) -> None:
    card = read_card(llama().write(tmp_path / "tiny.gguf"))

    assert (card.name, card.architecture, card.quantisation) == ("Tiny", "llama", "Q8_0")
    assert (card.context_length, card.embedding_length, card.vocabulary) == (2048, 64, 96)
    assert (card.template, card.licence) == ("{{ messages }}", "mit")
    assert len(card.layers) == 2
    assert card.layers[0].key_length == 16


def test_weights_are_counted_in_whole_blocks(tmp_path: Path) -> None:
    file = llama()
    file.tensors = [("a", (64, 2), "Q8_0"), ("b", (256,), "IQ4_XS"), ("c", (64,), "NVFP4"), ("d", (32,), "MXFP4")]

    card = read_card(file.write(tmp_path / "x.gguf"))

    assert card.types == {"Q8_0": 136, "IQ4_XS": 136, "NVFP4": 36, "MXFP4": 17}
    assert card.parameters == 128 + 256 + 64 + 32


def test_a_file_without_a_file_type_is_named_after_its_largest_type(tmp_path: Path) -> None:
    file = llama(**{"general.file_type": 1024})

    assert read_card(file.write(tmp_path / "x.gguf")).quantisation == "Q8_0"


def test_a_file_without_a_name_is_called_like_its_file(tmp_path: Path) -> None:
    file = llama()
    file.metadata = [entry for entry in file.metadata if entry[0] != "general.name"]

    assert read_card(file.write(tmp_path / "mine-7b.gguf")).name == "mine-7b"


def test_version_two_is_read_too(tmp_path: Path) -> None:
    file = llama()
    file.version = 2

    assert read_header(file.write(tmp_path / "x.gguf")).version == 2


def test_places_are_those_of_the_data_in_the_file(tmp_path: Path) -> None:
    header = read_header(llama().write(tmp_path / "x.gguf"))

    assert header.places[0].offset == header.data_offset
    assert header.data_offset % header.alignment == 0
    assert header.places[-1].offset + header.places[-1].tensor.size <= header.file_size


def test_a_long_vocabulary_is_walked_over_and_counted(tmp_path: Path) -> None:
    words = [f"word {i}" for i in range(200_000)]
    path = llama(**{"tokenizer.ggml.tokens": words, "tokenizer.ggml.scores": [0.5] * 200_000}).write(
        tmp_path / "x.gguf"
    )

    start = time.process_time()
    card = read_card(path)

    assert card.vocabulary == 200_000
    assert time.process_time() - start < 1.0  # 0.05 s on a quiet machine


def test_the_starter_is_read_as_it_is(starter: Path) -> None:
    card = read_card(starter)

    assert (card.architecture, card.quantisation, card.vocabulary) == ("llama", "Q4_1", 49152)
    assert card.parameters == 134_515_008
    assert len(card.layers) == 30
    assert (card.layers[0].kv_heads, card.layers[0].key_length) == (3, 64)
    assert card.template is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "too few for a GGUF file"),
        (b"PK\x03\x04" + bytes(40), "no GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "GGUF version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors are announced"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "metadata entries are announced"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1), "cut short"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 40), "bytes of text are announced"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"\xff\xfe") + value(1), "not UTF-8"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", 99), "unknown type 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IB", 7, 2), "neither 0 nor 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 1), "array of arrays"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 1 << 50), "texts, more than"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 4, 1 << 62), "cut short"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 9999), "cut short"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQQ", 9, 8, 9999, (1 << 64) - 1),
            "cut short",
        ),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    what = refusal_of(content, tmp_path)

    assert reason in what
    assert "at byte" in what


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (("t", (), "F32"), "0 dimensions"),
        (("t", (1, 1, 1, 1, 1), "F32"), "5 dimensions"),
        (("t", (0,), "F32"), "shape [0]"),
        (("t", (1 << 40, 1 << 40), "F32"), "shape"),
        (("t", (33,), "Q8_0"), "rows of 33"),
        (("t", (64,), 4), "unknown type 4"),
        (("output_norm.weight", (64,), "F32"), "stands twice"),
        (("t", (1 << 40,), "F32"), "ends at byte"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(
    tensor: tuple[str, tuple[int, ...], str], reason: str, tmp_path: Path
) -> None:
    file = llama()
    file.tensors.append(tensor)

    assert reason in refusal_of(file, tmp_path)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(16, "no multiple of 32"), (0, "overlaps"), (1 << 50, "ends at byte"), ((1 << 64) - 32, "ends at byte")],
)
def test_a_tensor_in_the_wrong_place_is_refused(offset: int, reason: str, tmp_path: Path) -> None:
    file = llama()
    file.offsets = {"output_norm.weight": offset}

    assert reason in refusal_of(file, tmp_path)


@pytest.mark.parametrize("alignment", [0, 3, 1 << 31, "32"])
def test_an_alignment_that_is_no_power_of_two_is_refused(alignment: object, tmp_path: Path) -> None:
    assert "alignment" in refusal_of(llama(**{"general.alignment": alignment}), tmp_path)


def test_a_file_cut_short_is_refused_with_both_ends(tmp_path: Path) -> None:
    whole = llama().encoded()

    what = refusal_of(whole[:-100], tmp_path)

    assert f"the file at {len(whole) - 100}" in what


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = llama()
    file.metadata.append(("general.name", "Other"))

    assert "the key 'general.name' stands twice" in refusal_of(file, tmp_path)


@pytest.mark.parametrize(
    ("key", "lie"),
    [
        ("llama.block_count", 1 << 30),
        ("llama.block_count", "two"),
        ("llama.attention.head_count_kv", [1]),
        ("llama.attention.head_count", [-1.5, 2.0]),
        ("llama.embedding_length", 1 << 60),
    ],
)
def test_a_shape_that_cannot_be_is_refused_by_its_key(key: str, lie: object, tmp_path: Path) -> None:
    assert key in refusal_of(llama(**{key: lie}), tmp_path)


def test_a_header_without_an_architecture_is_refused(tmp_path: Path) -> None:
    assert "general.architecture" in refusal_of(GgufFile(), tmp_path)


def test_what_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="No such file"):
        read_header(tmp_path / "none.gguf")


def write_shards(folder: Path, count: int = 3) -> list[Path]:
    files = []
    for number in range(count):
        file = llama() if number == 0 else GgufFile([])
        file.metadata += [("split.no", number), ("split.count", count), ("split.tensors.count", count)]
        file.tensors = [(f"blk.{number}.weight", (64,), "F32")]
        files.append(file.write(folder / f"big-{number + 1:05}-of-{count:05}.gguf"))
    return files


def test_the_first_shard_leads_to_all(tmp_path: Path) -> None:
    first, _, last = write_shards(tmp_path)

    assert len(read_card(first).tensors) == 3
    assert read_card(last) == read_card(first)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    first, second, _ = write_shards(tmp_path)
    second.unlink()

    with pytest.raises(BadModelFile, match=r"big-00002-of-00003\.gguf is missing"):
        read_card(first)


def test_shards_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    first, second, third = write_shards(tmp_path)
    content = second.read_bytes()
    second.write_bytes(third.read_bytes())
    third.write_bytes(content)

    with pytest.raises(BadModelFile, match=r"says 2 as split\.no, and it is 1"):
        read_card(first)


def test_a_shard_alone_under_another_name_is_refused(tmp_path: Path) -> None:
    first = write_shards(tmp_path)[0]

    with pytest.raises(BadModelFile, match=r"says 3 as split\.count, and it is 1"):
        read_card(first.rename(tmp_path / "big.gguf"))


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    first, second, _ = write_shards(tmp_path)
    file = GgufFile([("split.no", 1)], [("blk.0.weight", (64,), "F32")])
    file.write(second)

    with pytest.raises(BadModelFile, match=r"blk\.0\.weight', which another shard holds too"):
        read_card(first)


def test_shards_that_hold_too_little_are_refused(tmp_path: Path) -> None:
    first = write_shards(tmp_path)[0]
    file = llama(**{"split.no": 0, "split.count": 3, "split.tensors.count": 9})
    file.tensors = [("blk.0.weight", (64,), "F32")]
    file.write(first)

    with pytest.raises(BadModelFile, match=r"says 9 as split\.tensors\.count, and it is 3"):
        read_card(first)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (0, "B", 200),
        (1, "b", -3),
        (2, "H", 60000),
        (3, "h", -300),
        (4, "I", 1 << 31),
        (5, "i", -(1 << 30)),
        (6, "f", 0.5),
        (7, "?", True),
        (10, "Q", 1 << 63),
        (11, "q", -(1 << 62)),
        (12, "d", 1e300),
    ],
)
def test_every_kind_of_number_is_read(number: int, code: str, said: object, tmp_path: Path) -> None:
    entry = struct.pack(f"<I{code}", number, said)

    header = read_header(llama(**{"x.number": entry}).write(tmp_path / "x.gguf"))

    assert header.metadata["x.number"] == said


def test_short_lists_are_kept_and_long_ones_counted(tmp_path: Path) -> None:
    file = llama(**{"x.short": [1, 2, 3], "x.words": ["a", "b"], "x.none": [], "x.long": [7] * 5000})

    metadata = read_header(file.write(tmp_path / "x.gguf")).metadata

    assert (metadata["x.short"], metadata["x.words"], metadata["x.none"]) == ((1, 2, 3), ("a", "b"), ())
    assert metadata["x.long"] == LongArray(5000)


def test_a_header_stuffed_with_text_is_refused(tmp_path: Path) -> None:
    file = llama(**{f"x.{i}": "a" * 4_000_000 for i in range(20)})

    assert "more than 67108864 bytes of values" in refusal_of(file, tmp_path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="directory"):
        read_header(tmp_path)

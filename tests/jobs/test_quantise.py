"""Quantising, with the engine's own kernels on small files, and what is refused before it begins."""

import struct
from pathlib import Path

import pytest

from tests.models.gguf_writer import GgufFile, llama
from tinderbox.errors import BadRequest, Conflict, DoesNotFit, EngineFailed, NotFound, WrongUsage
from tinderbox.jobs.kinds import check_disk, default_name, known_kinds, quantise
from tinderbox.jobs.layout import MIXES, Layout, kinds_of, lay_out
from tinderbox.jobs.quantiser import begin, enter
from tinderbox.jobs.quantiser import quantise as write
from tinderbox.models.gguf import read_card, read_header
from tinderbox.models.name import parse
from tinderbox.models.store import Store

ROWS = 96


def whole(path: Path, value: float = 0.5) -> Path:
    """A tiny llama in F32, all of whose weights are `value`."""
    file = llama(**{"general.file_type": 0})
    shapes = [("token_embd.weight", (64, ROWS)), ("output_norm.weight", (64,)), ("blk.0.attn_q.weight", (64, 64))]
    file.tensors = [(name, shape, "F32") for name, shape in shapes]
    path.write_bytes(_filled(file, value))
    return path


def _filled(file: GgufFile, value: float) -> bytes:
    data = file.encoded()
    count = 64 * ROWS + 64 + 64 * 64
    return data[: -4 * count] + struct.pack(f"<{count}f", *([value] * count))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return whole(tmp_path / "tiny.gguf")


@pytest.fixture
def store(tmp_path: Path, source: Path) -> Store:
    store = Store(tmp_path / "home")
    store.add_file(source, "tiny:f32")
    return store


def convert(source: Path, target: Path, mix: str, done: int = 0) -> Layout:
    layout = lay_out(source, read_card(source), mix)
    write(source, target, layout, threads=2, done=begin(target, layout, done), tell=lambda number, reached: None)
    return layout


@pytest.mark.parametrize("mix", MIXES)
def test_every_type_makes_a_file_that_is_read_as_that_type(source: Path, tmp_path: Path, mix: str) -> None:
    layout = convert(source, tmp_path / "made.gguf", mix)

    made = read_card(tmp_path / "made.gguf")
    assert made.quantisation == mix
    assert (tmp_path / "made.gguf").stat().st_size == layout.size
    assert {tensor.name: tensor.type for tensor in made.tensors} == kinds_of(read_card(source), mix)


def test_the_weights_come_through(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "small.gguf", "Q8_0")
    convert(tmp_path / "small.gguf", tmp_path / "back.gguf", "F16")

    place = read_header(tmp_path / "back.gguf").places[0]
    data = (tmp_path / "back.gguf").read_bytes()[place.offset :][: place.tensor.size]
    assert {round(value, 3) for (value,) in struct.iter_unpack("<e", data)} == {0.5}


def test_all_other_metadata_stays_as_it_was(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "made.gguf", "Q4_0")

    before, after = dict(read_header(source).metadata), dict(read_header(tmp_path / "made.gguf").metadata)
    assert after == before | {"general.file_type": 2, "general.quantization_version": 2}


def test_what_was_finished_is_not_done_again(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.gguf"
    layout = convert(source, target, "Q8_0")
    whole_file = target.read_bytes()
    _blank(target, layout, piece=0)

    convert(source, target, "Q8_0", done=1)

    first = layout.pieces[0]
    assert target.read_bytes()[first.target :][: first.size] == bytes(first.size)
    assert target.read_bytes()[first.target + first.size :] == whole_file[first.target + first.size :]


def _blank(target: Path, layout: Layout, piece: int) -> None:
    with target.open("r+b") as file:
        file.seek(layout.pieces[piece].target)
        file.write(bytes(layout.pieces[piece].size))


def test_another_file_in_the_way_is_begun_anew(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "made.gguf", "Q8_0")

    assert begin(tmp_path / "made.gguf", lay_out(source, read_card(source), "Q4_0"), done=2) == 0


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    source = whole(tmp_path / "broken.gguf", value=float("nan"))

    with pytest.raises(EngineFailed, match=r"'token_embd\.weight' cannot be made Q8_0"):
        convert(source, tmp_path / "made.gguf", "Q8_0")


def test_the_new_model_is_in_the_store_under_its_name(store: Store, source: Path, tmp_path: Path) -> None:
    convert(source, store.home / "made.gguf", "Q8_0")

    result = enter(store, "tiny:q8_0", "tiny:f32", store.home / "made.gguf")

    stored = store.find("tiny:q8_0")
    assert (result["sha256"], stored.source, stored.licence) == (stored.sha256, "quantised:tiny:f32", "mit")


def test_the_types_of_a_published_file_are_those_that_it_has(starter: Path) -> None:
    card = read_card(starter)

    assert kinds_of(card, "Q4_1") == {tensor.name: tensor.type for tensor in card.tensors}


def test_the_order_names_what_is_made_of_what(store: Store, tmp_path: Path) -> None:
    work = quantise(store, 2, {"model": "tiny:f32", "type": "q4_0"}, tmp_path)

    assert (work.orders["name"], work.orders["type"], work.orders["threads"]) == ("tiny:f32-q4_0", "Q4_0", 2)
    assert work.predicted < 200_000_000


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": "tiny:f32", "type": "q4_9"}, WrongUsage, "'q4_9' is no type to quantise to. Did you mean"),
        ({"model": "tiny:f16", "type": "q4_0"}, NotFound, "There is no model 'tiny:f16'"),
        ({"model": "tiny:f32", "type": "q4_0", "name": "tiny:f32"}, Conflict, "a model 'tiny:f32' already"),
        ({"model": "tiny:f32", "type": "q4_0", "name": "hf:a/b"}, WrongUsage, "Choose a name like mine:q4_0"),
        ({"model": "tiny:f32"}, BadRequest, "'type' is missing"),
        ({"model": "tiny:f32", "type": "q4_0", "nmae": "x"}, BadRequest, "Did you mean name"),
        ({"model": "tiny:f32", "type": 4}, BadRequest, "'type' is wrong: 4 is no str"),
    ],
)
def test_what_cannot_be_made_is_refused(
    store: Store, tmp_path: Path, arguments: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        quantise(store, 1, arguments, tmp_path)


def test_a_quantised_source_must_be_meant(store: Store, starter: Path, tmp_path: Path) -> None:
    store.add_file(starter, "smollm2:135m")
    wanted = {"model": "smollm2:135m", "type": "Q4_0"}

    with pytest.raises(WrongUsage, match=r"is quantised already \(Q4_1, Q8_0\)"):
        quantise(store, 1, wanted, tmp_path)
    with pytest.raises(WrongUsage, match="smollm2:135m is Q4_1 already"):
        quantise(store, 1, wanted | {"type": "Q4_1", "requantise": True}, tmp_path)

    assert quantise(store, 1, wanted | {"requantise": True}, tmp_path).orders["name"] == "smollm2:135m-q4_0"


def test_shards_are_refused(store: Store, tmp_path: Path) -> None:
    for number in range(2):
        shard = llama(**{"general.file_type": 0, "split.count": 2, "split.no": number})
        shard.tensors = [(f"blk.{number}.attn_q.weight", (64, 64), "F32")]
        shard.write(tmp_path / f"x-0000{number + 1}-of-00002.gguf")
    store.add_file(tmp_path / "x-00001-of-00002.gguf", "sharded:1b")

    with pytest.raises(WrongUsage, match="lies in 2 shards"):
        quantise(store, 1, {"model": "sharded:1b", "type": "q8_0"}, tmp_path)


def test_a_disk_without_room_is_told_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match=r"The new file needs 1000000\.0 TB of disk; .* is free"):
        check_disk(tmp_path, 10**18, tmp_path / "folder")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("smollm2:135m", "smollm2:135m-q4_0"),
        ("smollm2", "smollm2:q4_0"),
        ("hf:Qwen/Qwen3-8B-GGUF:BF16", "qwen3-8b-gguf:q4_0"),
        ("/x/My Model.F16.gguf", "my-model.f16:q4_0"),
        ("https://example.org/a/b.gguf", "b:q4_0"),
    ],
)
def test_a_new_model_is_called_after_its_source(source: str, name: str) -> None:
    assert default_name(parse(source), "Q4_0") == name


def test_a_bench_knows_the_memory_of_its_engine(starter: Path, tmp_path: Path) -> None:
    Store(tmp_path).add_file(starter, "smollm2:135m")
    kind = known_kinds(tmp_path, threads=2)["bench"]

    work = kind({"model": "smollm2:135m", "depths": "1024,0"}, tmp_path)

    assert work.predicted > 200_000_000
    assert "1024,0" in work.command
    with pytest.raises(WrongUsage, match="was trained for 8192 tokens"):
        kind({"model": "smollm2:135m", "depths": "9000"}, tmp_path)

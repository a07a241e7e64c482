from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.models.gguf_writer import GgufFile, llama
from tests.models.test_gguf import write_shards
from tinderbox.errors import BadModelFile, Conflict, NotFound, WrongUsage
from tinderbox.models.content import digest
from tinderbox.models.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return llama().write(tmp_path / "tiny.gguf")


def test_a_fresh_home_holds_no_models(store: Store) -> None:
    assert store.models() == []


def test_an_added_file_is_found_by_its_name_and_opens_as_gguf(store: Store, tiny: Path) -> None:
    store.add_file(tiny, "mine:1b")

    stored = store.find("mine:1b")

    assert stored.path.name == "tiny.gguf"
    assert stored.path.read_bytes() == tiny.read_bytes()
    assert (stored.sha256, stored.size, stored.licence) == (digest(tiny), tiny.stat().st_size, "mit")
    assert stored.card().name == "Tiny"
    assert datetime.now(UTC) - stored.added < timedelta(minutes=1)


def test_adding_shares_the_disk_with_the_original(store: Store, tiny: Path) -> None:
    stored = store.add_file(tiny, "mine:1b")

    blob = stored.path.resolve()
    assert blob.name == f"sha256-{stored.sha256}"
    assert blob.samefile(tiny) or blob.read_bytes() == tiny.read_bytes()


def test_one_content_lies_there_once_and_leaves_with_its_last_name(store: Store, tmp_path: Path) -> None:
    store.add_file(llama().write(tmp_path / "a.gguf"), "first:1b")
    store.add_file(llama().write(tmp_path / "b.gguf"), "second:1b")
    (tmp_path / "a.gguf").unlink()
    (tmp_path / "b.gguf").unlink()
    blobs = store.folder / "blobs"

    assert len(list(blobs.iterdir())) == 1
    assert store.remove("first:1b") == 0
    assert store.find("second:1b").card().name == "Tiny"
    assert store.remove("second:1b") > 0
    assert list(blobs.iterdir()) == []


def test_removing_what_is_also_elsewhere_frees_nothing(store: Store, tiny: Path) -> None:
    stored = store.add_file(tiny, "mine:1b")
    shared = stored.path.samefile(tiny)

    assert store.remove("mine:1b") == (0 if shared else tiny.stat().st_size)
    assert tiny.exists()


def test_shards_lie_side_by_side(store: Store, tmp_path: Path) -> None:
    first = write_shards(tmp_path)[0]

    stored = store.add_file(first, "big:1b")

    assert [file.name for file in stored.files] == [f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert len(stored.card().tensors) == 3


def test_the_content_is_that_of_all_shards(store: Store, tmp_path: Path) -> None:
    first, _, last = write_shards(tmp_path)
    one = store.add_file(first, "big:1b")
    last.unlink()  # the store may hold a link to it
    GgufFile([("split.no", 2), ("split.count", 3), ("split.tensors.count", 3)], [("blk.9.weight", (64,), "F32")]).write(
        last
    )

    other = store.add_file(first, "big:2b")

    assert (one.sha256 == other.sha256, one.content == other.content) == (True, False)


def test_a_lost_shard_leaves_no_content(store: Store, tmp_path: Path) -> None:
    stored = store.add_file(write_shards(tmp_path)[0], "big:1b")

    stored.files[1].unlink()

    assert stored.content is None


def test_a_file_that_is_no_model_is_not_taken_in(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"hello" * 100)

    with pytest.raises(BadModelFile):
        store.add_file(path, "mine:1b")

    assert store.models() == []


def test_a_name_is_not_given_to_two_contents(store: Store, tiny: Path, tmp_path: Path) -> None:
    store.add_file(tiny, "mine:1b")
    other = llama(**{"general.name": "Other"}).write(tmp_path / "other.gguf")

    with pytest.raises(Conflict, match="tinderbox rm mine:1b"):
        store.add_file(other, "mine:1b")

    assert store.find("mine:1b").card().name == "Tiny"


def test_adding_the_same_twice_changes_nothing(store: Store, tiny: Path) -> None:
    assert store.add_file(tiny, "mine:1b") == store.add_file(tiny, "mine:1b")


def test_a_missing_file_and_a_wrong_name_are_told_apart(store: Store, tiny: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        store.add_file(tiny.with_name("none.gguf"), "mine:1b")
    with pytest.raises(WrongUsage):
        store.add_file(tiny, "no name at all")


def test_a_family_alone_means_the_tag_that_is_there(store: Store, tiny: Path) -> None:
    store.add_file(tiny, "mine:7b")

    assert store.find("mine").name == "mine:7b"


def test_an_unknown_name_hears_the_nearest(store: Store, tiny: Path) -> None:
    store.add_file(tiny, "mine:7b")

    with pytest.raises(NotFound, match=r"Did you mean mine:7b\?"):
        store.find("mime:7b")


def test_an_unknown_name_of_an_empty_store_hears_how_to_get_it(store: Store) -> None:
    with pytest.raises(NotFound, match="tinderbox pull smollm2:135m"):
        store.find("smollm2:135m")


def test_a_path_is_used_where_it_lies(store: Store, tiny: Path) -> None:
    stored = store.find(str(tiny))

    assert stored.path == tiny
    assert store.models() == []


def test_a_path_to_nothing_tells_nothing_of_its_neighbours(store: Store, tiny: Path) -> None:
    with pytest.raises(NotFound, match=r"is no file that can be read"):
        store.find(str(tiny.with_name("tinny.gguf")))


def test_a_path_cannot_be_removed(store: Store, tiny: Path) -> None:
    with pytest.raises(NotFound, match="never added"):
        store.remove(str(tiny))

    assert tiny.exists()


def test_a_store_moves_with_its_home(store: Store, tiny: Path, tmp_path: Path) -> None:
    store.add_file(tiny, "mine:1b")
    moved = store.home.rename(tmp_path / "elsewhere")

    assert Store(moved).find("mine:1b").card().name == "Tiny"


def test_a_list_of_models_takes_no_heavy_import(store: Store, tiny: Path) -> None:
    store.add_file(tiny, "mine:1b")
    program = (
        "import sys, pathlib; from tinderbox.models.store import Store;"
        "print(Store(pathlib.Path(sys.argv[1])).models()[0].name,"
        " sorted({'httpx2', 'pydantic', 'huggingface_hub', 'shutil', 'hashlib'} & set(sys.modules)))"
    )

    said = subprocess.run(
        [sys.executable, "-c", program, store.home],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": "src"},
    )

    assert said.stdout == "mine:1b []\n"

"""The folder of saved conversations: its bounds, whose is whose, and what becomes of damage."""

import os
import struct
from pathlib import Path

import pytest

from tinderbox.engines.caches import Caches, Shelf, forget_removed, tokens_of
from tinderbox.models.store import Store

MODEL, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "caches", limit=3000, reserve=0)


def shelf(caches: Caches, content: str = MODEL, owner: str = "", **read_with: object) -> Shelf:
    return caches.shelf(content, {"engine": "llama.cpp 1", "context": 512, **read_with}, owner)


def conversation(*tokens: int, size: int = 1000) -> bytes:
    """A save as the engine writes it: the tokens, and then the cache, which fills it up to `size` bytes."""
    words = [0xFFFFFFFF, 1, len(tokens), *tokens, 0]
    return struct.pack(f"<3I{len(words)}I", 0x67677371, 4, len(words), *words).ljust(size, b"c")


def keep(on: Shelf, content: bytes, used: int = 0) -> Path:
    """A save that was last used `used` seconds after the beginning of time."""
    part = on.begin()
    assert part
    part.write_bytes(content)
    save = on.keep(part)
    assert save
    os.utime(save, (used, used))
    return save


def test_what_was_kept_is_there_whole_and_private(caches: Caches) -> None:
    save = keep(shelf(caches), conversation(1, 2, 3))

    assert shelf(caches).saves() == [save]
    assert shelf(caches).is_whole(save)
    assert [path.stat().st_mode & 0o777 for path in (save, save.parent, caches.folder)] == [0o600, 0o700, 0o700]


@pytest.mark.parametrize("changed", [{"content": OTHER}, {"owner": "ada"}, {"context": 1024}, {"engine": "2"}])
def test_nobody_reads_what_another_model_owner_setting_or_engine_wrote(caches: Caches, changed: dict[str, str]) -> None:
    keep(shelf(caches), conversation(1))

    assert shelf(caches, **changed).saves() == []


def test_the_least_recently_used_leaves_when_there_is_too_much(caches: Caches) -> None:
    old = keep(shelf(caches, OTHER), conversation(1), used=1)
    keep(shelf(caches), conversation(2), used=3)
    keep(shelf(caches, OTHER), conversation(3), used=2)

    keep(shelf(caches), conversation(4))

    assert not old.exists()
    assert caches.held() == [1000, 1000, 1000]


def test_what_is_read_back_counts_as_used(caches: Caches) -> None:
    first = keep(shelf(caches), conversation(1), used=1)
    keep(shelf(caches), conversation(2), used=2)

    shelf(caches).is_whole(first)

    assert shelf(caches).saves()[0] == first


def test_a_conversation_larger_than_all_may_be_is_not_kept_and_drives_none_out(caches: Caches) -> None:
    kept = keep(shelf(caches), conversation(1))
    part = shelf(caches).begin()
    assert part
    part.write_bytes(conversation(2, size=3001))

    assert shelf(caches).keep(part) is None

    assert list(kept.parent.iterdir()) == [kept]


def test_a_conversation_that_went_on_replaces_where_it_was(caches: Caches) -> None:
    keep(shelf(caches), conversation(1, 2))
    branch = keep(shelf(caches), conversation(1, 3))

    longer = keep(shelf(caches), conversation(1, 2, 4))

    assert set(shelf(caches).saves()) == {branch, longer}


def test_a_save_in_another_form_replaces_nothing(caches: Caches) -> None:
    keep(shelf(caches), b"x" * 500)
    save = keep(shelf(caches), b"y" * 500)

    assert (tokens_of(save), len(shelf(caches).saves())) == (None, 2)


@pytest.mark.parametrize("damage", [b"", conversation(1)[:500], conversation(1)[:-1] + b"x"])
def test_what_is_cut_short_or_changed_is_dropped(caches: Caches, damage: bytes) -> None:
    save = keep(shelf(caches), conversation(1))
    save.write_bytes(damage)

    assert not shelf(caches).is_whole(save)

    assert shelf(caches).saves() == []


def test_a_save_that_is_gone_is_no_error(caches: Caches) -> None:
    save = keep(shelf(caches), conversation(1))
    save.unlink()

    assert not shelf(caches).is_whole(save)


def test_a_full_disk_takes_no_save(tmp_path: Path) -> None:
    full = Caches(tmp_path, limit=3000, reserve=2**62)

    assert shelf(full).begin() is None


def test_a_start_drops_what_is_half_written_what_is_nobodys_and_what_is_too_much(caches: Caches) -> None:
    keep(shelf(caches, OTHER), conversation(1))
    keep(shelf(caches), conversation(2), used=1)
    last = keep(shelf(caches), conversation(3), used=2)
    (last.parent / "part-1").write_bytes(b"half")

    Caches(caches.folder, limit=1500).tidy({MODEL})

    assert [path for path in caches.folder.rglob("*") if path.is_file()] == [last]


def test_a_limit_of_nothing_keeps_nothing(caches: Caches) -> None:
    keep(shelf(caches), conversation(1))

    Caches(caches.folder, limit=0).tidy({MODEL})

    assert list(caches.folder.iterdir()) == []


def test_a_model_that_is_removed_takes_its_saves_along(tmp_path: Path) -> None:
    keep(shelf(Caches(tmp_path / "caches", limit=3000, reserve=0)), conversation(1))

    assert forget_removed(Store(tmp_path)) == 1000
    assert forget_removed(Store(tmp_path)) == 0

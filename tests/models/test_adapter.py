from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.adapters import lora
from tests.models.gguf_writer import GgufFile, llama
from tinderbox.errors import BadModelFile, Conflict, NotFound, WrongUsage
from tinderbox.models.adapter import facts_of, keep_adapter, read_adapter
from tinderbox.models.gguf import read_card
from tinderbox.models.store import Store

QUERIES = {f"blk.{layer}.attn_q.weight": (64, 64) for layer in range(2)}


@pytest.fixture
def furnished(store: Store, tmp_path: Path) -> Store:
    """A store that holds `mine:1b`."""
    store.add_file(llama().write(tmp_path / "base.gguf"), "mine:1b")
    return store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return lora(QUERIES).write(tmp_path / "adapter.gguf")


def test_an_adapter_is_a_model_of_the_store(furnished: Store, file: Path) -> None:
    kept = keep_adapter(furnished, "mine:1b", "facts", file, {"steps": 90})

    found = furnished.find("mine:1b+facts")
    assert found == kept
    assert found.base == furnished.find("mine:1b")
    assert found.path.read_bytes() == file.read_bytes()
    assert [model.name for model in furnished.models()] == ["mine:1b", "mine:1b+facts"]
    assert furnished.adapters("mine:1b") == [kept]


def test_an_adapter_has_the_card_of_its_base_and_one_of_its_own(furnished: Store, file: Path) -> None:
    kept = keep_adapter(furnished, "mine:1b", "facts", file, {})

    own = kept.adapter()

    assert kept.card() == furnished.find("mine:1b").card()
    assert own is not None
    assert (own.rank, own.alpha, own.targets) == (4, 8.0, ("attn_q",))
    assert own.parameters == 2 * (64 * 4 + 4 * 64)
    assert own.weights == 4 * own.parameters


def test_how_it_was_made_is_kept_with_it(furnished: Store, file: Path) -> None:
    kept = keep_adapter(furnished, "mine:1b", "facts", file, {"steps": 90, "data": ["a.jsonl"]})

    assert facts_of(kept) == {"steps": 90, "data": ["a.jsonl"]}
    assert facts_of(furnished.find("mine:1b")) == {}


def test_a_family_alone_is_its_model_and_never_an_adapter(furnished: Store, file: Path) -> None:
    keep_adapter(furnished, "mine", "facts", file, {})

    assert furnished.find("mine").name == "mine:1b"
    assert furnished.find("mine+facts").name == "mine:1b+facts"


def test_a_base_does_not_leave_its_adapters_behind(furnished: Store, file: Path) -> None:
    keep_adapter(furnished, "mine:1b", "facts", file, {})

    with pytest.raises(Conflict, match=r"has 1 adapter \(facts\)"):
        furnished.remove("mine:1b")

    assert len(furnished.models()) == 2
    furnished.remove("mine:1b", with_adapters=True)
    assert furnished.models() == []
    assert list((furnished.folder / "blobs").iterdir()) == []


def test_an_adapter_leaves_alone(furnished: Store, file: Path) -> None:
    keep_adapter(furnished, "mine:1b", "facts", file, {})

    furnished.remove("mine:1b+facts")

    assert [model.name for model in furnished.models()] == ["mine:1b"]


def test_one_name_is_not_given_to_two_adapters(furnished: Store, file: Path, tmp_path: Path) -> None:
    keep_adapter(furnished, "mine:1b", "facts", file, {})
    other = lora(QUERIES, rank=2).write(tmp_path / "other.gguf")

    with pytest.raises(Conflict, match="tinderbox rm mine:1b"):
        keep_adapter(furnished, "mine:1b", "facts", other, {})


def test_a_base_that_changed_since_the_training_is_noticed(furnished: Store, file: Path) -> None:
    with pytest.raises(Conflict, match="another model than when"):
        keep_adapter(furnished, "mine:1b", "facts", file, {}, trained_on="of yesterday")


def test_an_adapter_needs_a_base_of_the_store(furnished: Store, file: Path, tmp_path: Path) -> None:
    keep_adapter(furnished, "mine:1b", "facts", file, {})

    with pytest.raises(NotFound, match="no model 'none:1b'"):
        keep_adapter(furnished, "none:1b", "facts", file, {})
    with pytest.raises(WrongUsage, match="not in the store"):
        keep_adapter(furnished, str(tmp_path / "base.gguf"), "facts", file, {})
    with pytest.raises(WrongUsage, match="an adapter itself"):
        keep_adapter(furnished, "mine:1b+facts", "more", file, {})


@pytest.mark.parametrize("name", ["", "two words", "a:b", "a+b", "-x", "x.gguf"])
def test_a_wrong_name_for_an_adapter_is_refused(furnished: Store, file: Path, name: str) -> None:
    with pytest.raises(WrongUsage):
        keep_adapter(furnished, "mine:1b", name, file, {})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (llama(), "no LoRA adapter"),
        (lora({}), "holds no tensors"),
        (lora(QUERIES, {"adapter.type": "lokr"}), "no LoRA adapter"),
        (lora(QUERIES, {"adapter.lora.alpha": float("nan")}), "which is no number"),
        (lora(QUERIES, {"adapter.alora.invocation_tokens": [1, 2]}), "aLoRA"),
        (lora(QUERIES, {"general.architecture": "gemma3"}), "for the architecture gemma3"),
        (lora({"blk.7.attn_q.weight": (64, 64)}), "'blk.7.attn_q.weight', which mine:1b does not have"),
        (lora({"blk.0.attn_q.weight": (32, 64)}), "32x64, not 64x64"),
        (lora({"blk.0.attn_q.weight": (64, 96)}), "64x96, not 64x64"),
    ],
)
def test_what_is_no_adapter_of_this_base_is_refused_with_the_reason(
    furnished: Store, tmp_path: Path, wrong: GgufFile, words: str
) -> None:
    with pytest.raises(BadModelFile, match=words):
        keep_adapter(furnished, "mine:1b", "facts", wrong.write(tmp_path / "wrong.gguf"), {})

    assert [model.name for model in furnished.models()] == ["mine:1b"]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"blk.0.attn_q.weight.lora_a": (64, 4)}, "only half"),
        ({"blk.0.attn_q.weight.lora_a": (64, 4), "blk.0.attn_q.weight.lora_b": (2, 64)}, "halves"),
        ({"blk.0.attn_q.weight.lora_a": (64,), "blk.0.attn_q.weight.lora_b": (4, 64)}, "halves"),
        ({"blk.0.attn_norm.weight": (64,)}, "would be left out"),
    ],
)
def test_an_adapter_of_odd_parts_is_refused(tmp_path: Path, tensors: dict[str, tuple[int, ...]], words: str) -> None:
    odd = lora({})
    odd.tensors = [(name, shape, "F32") for name, shape in tensors.items()]

    with pytest.raises(BadModelFile, match=words):
        read_adapter(odd.write(tmp_path / "odd.gguf"))


def test_an_adapter_is_not_taken_for_a_model(file: Path) -> None:
    with pytest.raises(BadModelFile, match="--as BASE"):
        read_card(file)


def test_the_embedding_is_changed_by_a_pair_that_lies_the_other_way_round(furnished: Store, tmp_path: Path) -> None:
    turned = lora({})
    turned.tensors = [("token_embd.weight.lora_a", (4, 96), "F32"), ("token_embd.weight.lora_b", (4, 64), "F32")]

    kept = keep_adapter(furnished, "mine:1b", "words", turned.write(tmp_path / "turned.gguf"), {})

    assert kept.name == "mine:1b+words"

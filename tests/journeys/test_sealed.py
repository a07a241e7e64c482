"""Nothing leaves the machine: a real box does its work where there is no route."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.agents.yard import make_yard, needs_sandbox
from tests.journeys.running import LEISURE, PATIENCE, STARTER, Running, furnish, is_alive, running
from tests.journeys.sealed import without_a_route
from tests.journeys.test_jobs import job
from tests.journeys.test_survival import comes_true

pytestmark = pytest.mark.slow
WORDS = "What is the capital of France? Answer in one word."
QUESTION = ("run", STARTER, WORDS, "--temperature", "0", "--max-tokens", "20")


@pytest.fixture(scope="module")
def sealed(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A box, and this module's own requests, in a network that has loopback and no route."""
    home = furnish(tmp_path_factory.mktemp("home"), starter)
    with without_a_route(), running(home) as box:
        yield box


def test_there_is_no_way_out_of_where_the_box_runs(sealed: Running) -> None:
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("1.1.1.1", 443), timeout=1)

    assert Path(f"/proc/{sealed.pid}/net/route").read_text().count("\n") == 1  # the heading
    assert Path(f"/proc/{sealed.pid}/ns/net").readlink() == Path("/proc/thread-self/ns/net").readlink()


def test_without_a_route_it_chats(sealed: Running) -> None:
    answer = sealed.command(*QUESTION)

    assert (answer.returncode, "Paris" in answer.stdout) == (0, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}),
        ("/v1/responses", {"input": "Say hello.", "max_output_tokens": 16}),
        ("/api/generate", {"prompt": "Say", "options": {"num_predict": 4}}),
    ],
)
def test_without_a_route_it_speaks_the_other_languages(sealed: Running, path: str, body: dict[str, object]) -> None:
    answer = httpx2.post(sealed.address + path, json={"model": STARTER} | body, timeout=PATIENCE)

    assert answer.status_code == 200, answer.text


def test_without_a_route_it_embeds(sealed: Running) -> None:
    body = {"model": STARTER, "input": ["a sealed room"]}

    answer = httpx2.post(f"{sealed.address}/v1/embeddings", json=body, timeout=PATIENCE)

    assert len(answer.json()["data"][0]["embedding"]) == 576


def test_without_a_route_it_plans(sealed: Running) -> None:
    for_another = sealed.command("plan", "gpt-oss-120b", "--box", "dgx-spark", "--json")
    for_this = sealed.command("plan", STARTER)

    assert (for_another.returncode, for_this.returncode) == (0, 0), for_another.stderr + for_this.stderr


def test_without_a_route_it_quantises(sealed: Running) -> None:
    assert quantises(sealed)


def quantises(box: Running) -> bool:
    """Whether a job comes to its end; it takes the processor only while nobody else wants it."""
    begun = box.command("quantise", STARTER, "q8_0", "--requantise", "--json")
    number = json.loads(begun.stdout)["number"]
    return comes_true(lambda: job(box, number)["state"] == "done", LEISURE)


@needs_sandbox
def test_without_a_route_code_of_agents_runs(sealed: Running, tmp_path: Path) -> None:
    assert make_yard(tmp_path).run("print(6 * 7)").stdout == b"42\n"


def test_without_a_route_the_page_is_whole(sealed: Running) -> None:
    page = httpx2.get(sealed.address, timeout=PATIENCE).text

    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert serves_its_page(sealed)


def serves_its_page(box: Running) -> bool:
    """Whether the page comes, and every file that it names."""
    with httpx2.Client(base_url=box.address, timeout=PATIENCE) as client:
        named = re.findall(r'(?:src|href)="(/?static/[^"]+)"', client.get("/").text)
        return len(named) > 1 and all(client.get(file).status_code == 200 for file in named)


def test_without_a_route_the_doctor_finds_nothing_wrong(sealed: Running) -> None:
    found = json.loads(sealed.command("doctor", "--json").stdout)

    assert [finding for finding in found if finding["verdict"] == "bad"] == []


def test_what_was_asked_for_and_cannot_be_fetched_is_told_in_a_line(sealed: Running) -> None:
    refused = sealed.command("pull", "https://example.org/tiny.gguf")

    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert "example.org" in refused.stderr


def test_no_socket_of_the_box_faces_anything_but_loopback(sealed: Running) -> None:
    """In a network of the box's own nothing else lives, so these are the sockets of all its processes."""
    sealed.command(*QUESTION)

    sockets = psutil.net_connections("inet")
    ends = {end.ip for found in sockets for end in (found.laddr, found.raddr) if end}
    assert ends <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in ends


def test_without_a_route_it_stops_and_leaves_nothing(starter: Path, tmp_path: Path) -> None:
    with without_a_route(), running(furnish(tmp_path, starter)) as box:
        box.command(*QUESTION)
        stopped = box.command("down")

    assert stopped.returncode == 0
    assert comes_true(lambda: not is_alive(box.pid))

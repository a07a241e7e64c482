"""Where a download may go when a request named its address."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import httpx2
import pytest
import trustme

from tests.models.gguf_writer import llama
from tests.models.web import Resource, Web, serving
from tinderbox.errors import NotAllowed
from tinderbox.models.download import pull
from tinderbox.models.fetch import connect
from tinderbox.models.pinned import PinnedTransport
from tinderbox.models.reach import Reach, is_public, within
from tinderbox.models.store import Store

NOWHERE_OF_OURS = Reach(own=())


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_what_is_ours_or_near_is_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_is_fetched_from(web: Web, host: str) -> None:
    port = web.url.rpartition(":")[2]

    with connect(NOWHERE_OF_OURS) as client, pytest.raises((NotAllowed, httpx2.InvalidURL)):
        client.get(f"http://{host}:{port}/x")

    assert web.asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(NotAllowed, match=r"rebound\.example leads to this machine or into a private network"):
        NOWHERE_OF_OURS.check("rebound.example", ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize("own", ["127.0.0.1", "127.0.0.0/8"])
def test_what_was_configured_is_fetched(web: Web, own: str) -> None:
    web.put("/x", b"here")

    with connect(Reach(own=(own,))) as client:
        assert client.get(f"{web.url}/x").content == b"here"


def test_a_redirect_is_held_to_the_same(web: Web) -> None:
    named = web.url.replace("127.0.0.1", "localhost")
    web.resources["/away"] = Resource(b"", {"Location": f"{web.url}/x"}, 302)

    with connect(Reach(own=("localhost",))) as client, pytest.raises(NotAllowed):
        client.get(f"{named}/away")

    assert [path for _, path, _ in web.asked] == ["/away"]


def test_the_connection_goes_to_the_address_that_was_looked_at(tmp_path: Path) -> None:
    """By number, with the name in its Host and in its certificate: what the name says later changes nothing."""
    authority = trustme.CA()
    server, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(trust)

    with serving(server) as web, httpx2.Client(transport=PinnedTransport(Reach(own=("localhost",)), trust)) as client:
        web.put("/x", b"here")
        answer = client.get(f"{web.url}/x")

    assert (answer.content, answer.request.url.host) == (b"here", "localhost")
    assert web.asked[0][2]["host"] == web.url.removeprefix("https://")


def test_a_pull_that_a_request_names_goes_no_further(web: Web, tmp_path: Path) -> None:
    llama().write(tmp_path / "tiny.gguf")
    url = web.put("/tiny.gguf", (tmp_path / "tiny.gguf").read_bytes())
    store = Store(tmp_path / "home")

    with within(NOWHERE_OF_OURS), pytest.raises(NotAllowed, match="allow_fetch"):
        pull(store, url)

    assert pull(store, url).name == url  # typed by a person


def test_a_hub_of_the_persons_own_choice_may_lie_anywhere(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    llama().write(tmp_path / "tiny.gguf")
    web.put_hub_model("org/tiny", {"tiny-Q4_K_M.gguf": (tmp_path / "tiny.gguf").read_bytes()})

    with within(NOWHERE_OF_OURS):
        assert pull(Store(tmp_path / "home"), "hf:org/tiny").name == "hf:org/tiny"

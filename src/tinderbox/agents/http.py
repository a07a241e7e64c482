"""What the tool `http` does: ask the hosts that the agent's file names, and no other.

Each address is looked at when it is connected to, and each step of a redirect is a new question: `PinnedTransport` sees
to the first, the loop here to the second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tinderbox.agents.settings import Http
from tinderbox.errors import BadRequest, NotAllowed, Unavailable
from tinderbox.models.fetch import REDIRECTS, certificates
from tinderbox.models.reach import Reach
from tinderbox.units import Bytes, MiB, format_bytes

if TYPE_CHECKING:
    import httpx2

LARGEST: Bytes = 2 * MiB
SECONDS = 30.0
_PORTS = {"http": 80, "https": 443}


def get(settings: Http, url: str) -> str:
    return _tell(_ask(settings, "GET", url, ""))


def post(settings: Http, url: str, body: str) -> str:
    """Sends JSON, or the text as it is."""
    return _tell(_ask(settings, "POST", url, body))


def _ask(settings: Http, method: str, url: str, body: str) -> tuple[httpx2.Response, bytes]:
    import httpx2

    until = time.monotonic() + SECONDS
    kind = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/plain; charset=utf-8"
    content, headers = (body.encode(), {"Content-Type": kind}) if method == "POST" else (None, {})
    with _client(settings) as client:
        for _ in range(REDIRECTS):
            _check(settings, url)
            try:
                with client.stream(method, url, content=content, headers=headers) as answer:
                    if answer.next_request is None or method == "POST":
                        return answer, _body(answer, until)
                    url = str(answer.next_request.url)
            except NotAllowed as error:
                raise NotAllowed(error.what, "If that is meant, the agent's file must say private = true.") from error
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                raise Unavailable(f"{url} cannot be asked: {error or type(error).__name__}.") from error
    raise BadRequest(f"{url} leads from one address to the next without end.", field="url")


def _client(settings: Http) -> httpx2.Client:
    import ssl

    import httpx2

    from tinderbox.models.pinned import PinnedTransport

    bundle = certificates()
    hosts = tuple(host.rpartition(":")[0] or host for host in settings.hosts)
    verify = ssl.create_default_context(cafile=str(bundle)) if bundle else True
    transport = PinnedTransport(Reach(own=hosts if settings.private else ()), verify)
    return httpx2.Client(timeout=httpx2.Timeout(SECONDS, connect=10.0), transport=transport)


def _check(settings: Http, url: str) -> None:
    """Raises NotAllowed for a host or a port that is not named."""
    import httpx2

    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise BadRequest(f"'{url}' is no address: {error}.", field="url") from error
    if address.scheme not in _PORTS or not address.host or address.userinfo:
        raise BadRequest(f"'{url}' is no address.", "Write it like https://host/path.", "url")
    port = address.port or _PORTS[address.scheme]
    host = address.host.lower()
    if f"{host}:{port}" not in settings.hosts and not (host in settings.hosts and port in _PORTS.values()):
        raise NotAllowed(f"{host}:{port} is no host that may be asked.", f"These may: {', '.join(settings.hosts)}.")


def _body(answer: httpx2.Response, until: float) -> bytes:
    held = bytearray()
    for chunk in answer.iter_bytes():
        held += chunk
        if len(held) > LARGEST:
            raise BadRequest(f"The answer has more than {format_bytes(LARGEST)}.", "Ask for less of it.", "url")
        if time.monotonic() > until:
            raise Unavailable(f"The answer took longer than {SECONDS:g} s.")
    return bytes(held)


def _tell(answered: tuple[httpx2.Response, bytes]) -> str:
    answer, body = answered
    head = f"[{answer.status_code} {answer.reason_phrase}, {answer.headers.get('content-type', 'of no type')}]"
    if b"\0" in body:
        return f"{head}\n(no text: {format_bytes(len(body))})"
    return f"{head}\n{body.decode(errors='replace')}"

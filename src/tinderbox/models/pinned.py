"""A client that connects to no address that was not looked at: a name is resolved once, every address is held against
the reach in force, and the connection goes to one of those, so that a second answer of the name server changes nothing.
Each step of a redirect is looked at anew.
"""

from __future__ import annotations

import socket
import ssl
from urllib.request import getproxies, proxy_bypass

import httpx2

from tinderbox.models.reach import Reach


class PinnedTransport(httpx2.BaseTransport):
    """Raises NotAllowed for an address out of reach. Where the person set a proxy, that resolves and connects."""

    def __init__(self, reach: Reach, verify: ssl.SSLContext | bool) -> None:
        self._reach = reach
        # No connection is kept: two names with one address must not share what one's certificate was checked for.
        self._direct = httpx2.HTTPTransport(verify=verify, limits=httpx2.Limits(max_keepalive_connections=0))
        self._proxies = {
            scheme: httpx2.HTTPTransport(verify=verify, proxy=address)
            for scheme, address in getproxies().items()
            if scheme in ("http", "https")
        }

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.raw_host.decode("ascii").strip("[]")
        proxy = None if proxy_bypass(host) else self._proxies.get(request.url.scheme)
        addresses = self._resolve(host, request, through_proxy=proxy is not None)
        self._reach.check(host, addresses)
        return proxy.handle_request(request) if proxy else self._connect(request, host, addresses)

    def close(self) -> None:
        for transport in (self._direct, *self._proxies.values()):
            transport.close()

    def _resolve(self, host: str, request: httpx2.Request, *, through_proxy: bool) -> list[str]:
        try:
            found = socket.getaddrinfo(host, request.url.port, type=socket.SOCK_STREAM)
        except OSError as error:
            if through_proxy:
                return []  # only the proxy knows that name
            raise httpx2.ConnectError(f"{host} is not known: {error}", request=request) from error
        return list(dict.fromkeys(str(place[0]) for *_, place in found))

    def _connect(self, request: httpx2.Request, host: str, addresses: list[str]) -> httpx2.Response:
        for address in addresses[:-1]:
            try:
                return self._direct.handle_request(_at(request, host, address))
            except httpx2.ConnectError:
                continue  # IPv6 may be announced and not work
        return self._direct.handle_request(_at(request, host, addresses[-1]))


def _at(request: httpx2.Request, host: str, address: str) -> httpx2.Request:
    """The same request, its Host and the name in its certificate too, to one address."""
    url = request.url.copy_with(host=address)
    extensions = {**request.extensions, "sni_hostname": host}
    return httpx2.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)

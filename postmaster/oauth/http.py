"""HTTPS to identity providers: certificates always checked, every answer bounded in time and size, no redirects."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, gaierror, socket
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from postmaster.config.readers import Network
from postmaster.sources.deadline import Deadline
from postmaster.sources.networks import check_addresses, resolve
from postmaster.sources.reach import reach
from postmaster.sources.tls import shared_context

TOTAL_SECONDS = 20.0
"""For everything that one way to a provider takes; a provider that sends a byte now and then meets it too."""

PROVIDER_CONNECT_SECONDS = 10.0

TEMPORARY_STATUSES = (requests.codes.request_timeout, requests.codes.too_early, requests.codes.too_many_requests)
"""Statuses beside those from 500 on that say nothing of who asked: the provider is asked too often, or too early."""

MAX_ANSWER = 1_000_000
"""Bytes. Tokens and keys of a provider have some thousands."""


def secure(session: requests.Session, ca_file: Path | None, forbidden: tuple[Network, ...]) -> Deadline:
    """Make ``session`` talk HTTPS only, trust the system's CAs and those in ``ca_file``, and end in time.

    It connects to nothing in the ``forbidden`` networks: MailError, ``address-forbidden``.

    The caller cancels the Deadline that is returned when it is done. A proxy goes by HTTPS_PROXY and NO_PROXY; it sees
    where, not what: TLS ends at the provider. Passwords of a .netrc file are not used. Raises MailError if ``ca_file``
    cannot be read.
    """
    deadline = Deadline(TOTAL_SECONDS)
    session.trust_env = False
    session.max_redirects = 0
    session.adapters.clear()
    session.mount("https://", _Adapter(ca_file, deadline, forbidden))
    return deadline


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: Path | None, deadline: Deadline, forbidden: tuple[Network, ...]) -> None:
        self._context = shared_context(verify=True, ca_file=ca_file)
        self._deadline = deadline
        self._forbidden = forbidden
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)
        self._pools = {"https": _pool_class(self._deadline, self._forbidden)}
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The same connections, through ``proxy``."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The context alone says what is trusted."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, *args: Any) -> None:
        """As above: requests would add CAs of its own."""

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        """Send it, and read the whole answer at once, within its bounds."""
        seconds = self._deadline.remaining()
        proxy = select_proxy(request.url, get_environ_proxies(request.url))
        if proxy:
            _check_target(urlsplit(request.url), self._forbidden)
        options |= {
            "stream": True,
            "timeout": (min(PROVIDER_CONNECT_SECONDS, seconds), seconds),
            "verify": True,
            "proxies": {"https": proxy} if proxy else None,
        }
        response = super().send(request, **options)
        try:
            body = response.raw.read(MAX_ANSWER + 1, decode_content=True)
        except (HTTPError, OSError) as error:
            raise requests.ConnectionError(error, request=request) from error
        finally:
            response.raw.release_conn()
        if len(body) > MAX_ANSWER:
            raise requests.exceptions.ContentDecodingError("an answer far larger than can be right")
        vars(response).update(_content=body, _content_consumed=True)
        if response.status_code in TEMPORARY_STATUSES or response.status_code >= requests.codes.server_error:
            # Whatever its body says: libraries would take an error in it for the provider's last word.
            raise requests.HTTPError(f"HTTP status {response.status_code}", response=response)
        return response


def _check_target(target: SplitResult, forbidden: tuple[Network, ...]) -> None:
    """What a proxy is sent to must be allowed as well, as far as its name can be looked up here."""
    with suppress(gaierror, ValueError):
        check_addresses(target.hostname or "", resolve(target.hostname or "", target.port or 443), forbidden)


def _pool_class(deadline: Deadline, forbidden: tuple[Network, ...]) -> type[HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        """One whose socket the deadline watches, before TLS is put around it."""

        def _new_conn(self) -> socket:
            sock = self._reach(self._dns_host)
            deadline.watch(sock)
            return sock

        def _reach(self, name: str) -> socket:
            """Connect to the first address that answers, of those that were checked: the name is looked up once.

            That of a proxy is named by whoever runs PostMaster, so it is where they want it.
            """
            try:
                addresses = resolve(name, self.port)
            except (gaierror, ValueError) as error:
                raise NameResolutionError(name, self, gaierror(str(error))) from error
            check_addresses(name, addresses, () if self.proxy else forbidden)
            try:
                sock, _ = reach(addresses, min(PROVIDER_CONNECT_SECONDS, deadline.remaining()))
            except OSError as error:
                raise NewConnectionError(self, "no address answers") from error
            sock.settimeout(deadline.remaining())
            sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            return sock

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool

"""From a host name to a mail server that has signed us in: the steps that fetching and the connection test share."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import time
from collections.abc import Callable

from postmaster.accounts.types import Tls
from postmaster.errors import MailError
from postmaster.sources.base import Endpoint
from postmaster.sources.certificate import CertificateFacts, certificate_facts, certificate_fault
from postmaster.sources.connection import Client, Opening
from postmaster.sources.deadline import CONNECT_SECONDS, Deadline, Limit
from postmaster.sources.networks import SocketAddress, check_addresses, resolve
from postmaster.sources.protocols import PROTOCOLS
from postmaster.sources.reach import reach
from postmaster.sources.refusals import IN_USE
from postmaster.sources.tls import TlsGuard
from postmaster.sources.wire import ErrorTranslator

PEEK_SECONDS = 30.0

IN_USE_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between attempts to sign in again while the server still keeps the mailbox locked for the session before."""

# They would end a command, and start another one of somebody else's choice.
_CONTROL = frozenset("\r\n\0")


class Dialler:
    """The way to one server, step by step: ``resolve``, ``connect``, ``secure``, ``fetch_token``, ``sign_in``.

    Each step raises MailError. ``hang_up`` may be called at any point.
    """

    client: Client
    _socket: socket.socket

    def __init__(
        self,
        endpoint: Endpoint,
        deadline_seconds: float,
        *,
        opening_seconds: float | None = None,
        opening: Opening | None = None,
        trust_all: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._mailbox = opening
        self.deadline = Deadline(deadline_seconds)
        self.wire = ErrorTranslator(endpoint, self.deadline)
        self._opening_seconds = opening_seconds or self.wire.limits.opening
        self._opening: Limit | None = self._begin_opening()
        self.guard = TlsGuard(endpoint, trust_all=trust_all)
        self._addresses: list[SocketAddress] = []
        self._open = contextlib.ExitStack()
        self._open.callback(self.deadline.cancel)

    def _begin_opening(self) -> Limit:
        return self.deadline.begin("signing in and listing the mailbox", self._opening_seconds)

    def resolve(self) -> str:
        """Find the host's addresses; returns them for people to read."""
        with self.wire.stage("dns"):
            try:
                found = resolve(self.endpoint.host, self.endpoint.port)
            except (socket.gaierror, ValueError):  # ValueError: not even the form of a host name
                raise self.wire.fail("host-unknown", "dns") from None
            check_addresses(self.endpoint.host, found, self.endpoint.forbidden_networks)
            self._addresses = found  # connected to as they are: looked up again, the name might lead elsewhere
        return ", ".join(dict.fromkeys(str(address[0]) for _, address in self._addresses))

    def connect(self) -> None:
        """Reach the server at the first address that answers, and hear its greeting unless TLS comes first."""
        self._take(self._connect)

    def secure(self) -> None:
        """Encrypt the connection as the type says. Afterwards ``guard.certificate`` is the server's."""
        self._take(self._connect, self._secure)

    def _take(self, *steps: Callable[[], object]) -> None:
        """Take the last of ``steps``: all of them, on a new connection, if the server hung up over CAPA (POP3)."""
        asked = self.wire.habits.tells_capabilities
        try:
            steps[-1]()
        except MailError:
            if not asked or self.wire.habits.tells_capabilities:
                raise
            for step in steps:
                step()

    def _connect(self) -> None:
        with self.wire.stage("connect"):
            self._socket = self._reach()
            self._open.callback(self._socket.close)
            self.wire.connected = True
            self.wire.uses(lambda: self._socket)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.deadline.watch(self._socket)
        if self.endpoint.type.tls is not Tls.IMPLICIT:
            self._greet()

    def _reach(self) -> socket.socket:
        habits = self.wire.habits
        seconds = min(CONNECT_SECONDS, self.deadline.remaining())
        sock, address = reach(self._addresses, seconds, habits.address)
        habits.address = address
        self.wire.dialogue.note(f"connected to {address[1][0]}")
        return sock

    def _secure(self) -> None:
        try:
            if self.endpoint.type.tls is Tls.STARTTLS:
                self.client.start_tls(self.guard)
            elif self.endpoint.type.tls is Tls.IMPLICIT:
                with self.wire.stage("tls"):
                    self._socket = self.guard.wrap_socket(self._socket)
                    self._open.callback(self._socket.close)
        except MailError as error:
            raise self._explained(error) from error.__cause__
        if self.guard.certificate:
            self.wire.dialogue.note("encrypted from here on")
        if self.endpoint.type.tls is Tls.IMPLICIT:
            self._greet()

    def fetch_token(self) -> None:
        """Obtain an access token, if that is what signs in."""
        if self.endpoint.tokens is not None:
            self.wire.token = self.endpoint.tokens.get()

    def sign_in(self) -> Client:
        """Sign in; returns the connection, now ready for work. A token that is refused is renewed once."""
        if not _CONTROL.isdisjoint(self.endpoint.login + self.endpoint.password):
            raise self.wire.fail("credential-unusable", "login")
        self._take(self._connect, self._secure, self._sign_in)
        return self.client

    def _sign_in(self) -> None:
        try:
            self._show_credential()
        except MailError as refusal:
            if refusal.code != "token-refused" or self.endpoint.tokens is None:
                raise
            self.wire.token = self.endpoint.tokens.renew(self.wire.token)
            self.reconnect()

    def _show_credential(self) -> None:
        """Sign in; step by step on a new connection, if that fails while the server has several commands."""
        self.wire.offered = self.client.offered
        try:
            self.client.sign_in(self._mailbox)
        except MailError as first:
            if not self.client.hurried or self.deadline.passed:
                raise
            self.wire.habits.pipelines = False
            try:
                self._anew(self._sign_in_alone)
            except MailError as second:
                self.wire.habits.pipelines = second.code == first.code  # then it was not that
                raise

    def _sign_in_alone(self) -> None:
        self.client.sign_in()

    def reconnect(self) -> Client:
        """The same way once more, on a new connection: some servers hang up after a refusal, or when at a loss."""
        self._anew(lambda: self._take(self._connect, self._secure, self._show_credential))
        return self.client

    def _anew(self, sign_in: Callable[[], None]) -> None:
        """Connect and ``sign_in`` again; once more after a while, as long as the mailbox is in use.

        It is by the session before, which the server has yet to notice is over. An opening begins anew with it, so that
        what the first attempt took is not missing from the second.
        """
        if self._opening is not None:
            self.deadline.end(self._opening)
            self._opening = self._begin_opening()
        for pause in (*IN_USE_PAUSES, None):
            self.client.shutdown()
            self.connect()
            self.secure()
            try:
                sign_in()
            except MailError as error:
                if error.code != IN_USE or pause is None or pause >= self.deadline.remaining():
                    raise
                time.sleep(pause)
            else:
                return

    def opened(self) -> None:
        """The mailbox is listed: from here on each step has a limit of its own."""
        if self._opening is not None:
            self.deadline.end(self._opening)
            self._opening = None

    def hang_up(self) -> None:
        """Drop the connection, however far it got."""
        self._open.close()

    def _greet(self) -> None:
        self.client = PROTOCOLS[self.endpoint.type.protocol].client(self.wire, self._socket)
        self._open.callback(self.client.shutdown)

    def _explained(self, error: MailError) -> MailError:
        """A refused certificate's error with the names it was issued for, which take another look at it."""
        cause = error.__cause__
        if not isinstance(cause, ssl.SSLCertVerificationError):
            return error
        fault, names = certificate_fault(cause), "unknown"
        if fault == "certificate-name":
            with contextlib.suppress(MailError):
                facts = peek_certificate(self.endpoint)
                names = ", ".join(facts.names) or names
                fault = "certificate-nameless" if facts.nameless else fault
        return self.wire.fail(fault, "tls", names=names)


def dial(
    endpoint: Endpoint,
    deadline_seconds: float,
    opening_seconds: float | None = None,
    opening: Opening | None = None,
) -> Dialler:
    """A Dialler that has taken all its steps, so that ``client`` is signed in. Raises MailError.

    ``opening``: how the mailbox is opened next.
    """
    dialler = Dialler(endpoint, deadline_seconds, opening_seconds=opening_seconds, opening=opening)
    try:
        dialler.resolve()
        dialler.connect()
        dialler.secure()
        dialler.fetch_token()
        dialler.sign_in()
    except BaseException:
        dialler.hang_up()
        raise
    return dialler


def peek_certificate(endpoint: Endpoint) -> CertificateFacts:
    """The certificate that the server shows, trusted or not; no credential is sent. Raises MailError."""
    dialler = Dialler(dataclasses.replace(endpoint, password="", tokens=None), PEEK_SECONDS, trust_all=True)
    try:
        dialler.resolve()
        dialler.connect()
        dialler.secure()
        with dialler.wire.stage("tls"):
            return certificate_facts(dialler.guard.certificate)
    finally:
        dialler.hang_up()

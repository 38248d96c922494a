"""What stands between a server and a source: the client of a protocol, and the connection that it works on."""

from __future__ import annotations

from typing import Protocol as Interface

from postmaster.sources.tls import TlsGuard
from postmaster.sources.wire import ErrorTranslator


class Client(Interface):
    """A connection as its protocol speaks on it, from the greeting on. Every method raises MailError."""

    @property
    def offered(self) -> str:
        """The ways to sign in that the server names."""
        ...

    def start_tls(self, guard: TlsGuard) -> None:
        """Encrypt the connection."""
        ...

    def sign_in(self) -> None:
        """Sign in as the endpoint says."""
        ...

    def try_mailbox(self) -> None:
        """Ask for something that takes permission to open the mailbox. Call inside a stage."""
        ...

    def shutdown(self) -> None:
        """Drop the connection."""
        ...


class Connection(Interface):
    """What a source asks of the way to its server."""

    wire: ErrorTranslator

    def opened(self) -> None:
        """The mailbox is listed."""
        ...

    def reconnect(self) -> Client:
        """The same way once more, on a new connection. Raises MailError."""
        ...

    def hang_up(self) -> None:
        """Drop the connection, however far it got."""
        ...

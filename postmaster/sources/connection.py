"""What stands between a server and a source: the client of a protocol, and the connection that it works on."""

from __future__ import annotations

from enum import Enum
from typing import Protocol as Interface

from postmaster.sources.tls import TlsGuard
from postmaster.sources.wire import ErrorTranslator


class Opening(Enum):
    """How a mailbox is opened: to take its mail, or only to look at it."""

    TO_TAKE = "SELECT"
    TO_LOOK = "EXAMINE"


class Client(Interface):
    """A connection as its protocol speaks on it, from the greeting on. Every method raises MailError."""

    @property
    def offered(self) -> str:
        """The ways to sign in that the server names."""
        ...

    def start_tls(self, guard: TlsGuard) -> None:
        """Encrypt the connection."""
        ...

    @property
    def hurried(self) -> bool:
        """Whether the server was sent more than it had answered to when ``sign_in`` failed: it may be to blame."""
        ...

    def sign_in(self, opening: Opening | None = None) -> None:
        """Sign in as the endpoint says.

        ``opening``: how the mailbox is opened next. A server that is known to take it is asked for that at once.
        """
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

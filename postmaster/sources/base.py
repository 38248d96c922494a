"""What a run asks of a mail server, whatever its protocol: list, read, delete, close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from postmaster.accounts.types import AccountType
from postmaster.config.readers import Network

if TYPE_CHECKING:  # it is made of RemoteMail
    from postmaster.sources.listing import Listing


class TokenSource(Interface):
    """Access tokens of an OAuth2 credential. ``get`` and ``renew`` raise MailError, stage token."""

    def get(self) -> str:
        """A token that is good for some minutes at least."""
        ...

    def renew(self, refused: str) -> str:
        """Another token than ``refused``, which the mail server did not take."""
        ...

    def describe(self, token: str) -> str:
        """What ``token`` is for, for people. Raises MailError if it can be seen that no mail server takes it."""
        ...

    def causes(self, token: str) -> str:
        """Why a mail server may not take ``token``, and how to find out: the likeliest first."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """Where and how to sign in. ``fingerprint`` is in the form of ``parse_fingerprint``; ``folder`` may be empty.

    ``answer_timeout``: seconds that the server may take for an answer; None means what is usual.

    ``password`` is in the clear, and only here: it is kept out of ``repr`` and logs. With ``tokens`` there is none.
    """

    type: AccountType
    host: str
    port: int
    login: str
    password: str = field(default="", repr=False)
    tokens: TokenSource | None = field(default=None, repr=False)
    folder: str = "INBOX"
    ssl_verify: bool = True
    ssl_fingerprint: str | None = None
    ssl_verifycn_name: str | None = None
    answer_timeout: float | None = None
    ca_file: Path | None = None
    forbidden_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteMail:
    """A message in a listing.

    ``handle`` is the UID (IMAP) or the message number (POP3), good for this session only. ``identity`` names the
    message across sessions: ``imap:UIDVALIDITY:UID`` or ``uidl:…``; None where a POP3 server has no UIDL. ``size``
    is in bytes as the server says. ``flagged`` means that the message carries ``\\Deleted`` already (IMAP).
    ``unlisted`` means that the server does not describe it, so that nothing else of it is known for sure.
    """

    handle: int
    identity: str | None
    size: int
    flagged: bool = False
    unlisted: bool = False


@dataclass
class Trouble:
    """What the sessions of one run learn of a listing that breaks the connection, one after another.

    ``asked`` are the numbers asked for at this moment: if the session ends there, one of them is the reason.
    ``unlisted`` are the UIDs of those that were found to be it, ``numbers`` their numbers as far as no UID is known.
    """

    asked: Sequence[int] | None = None
    unlisted: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Deletions:
    """The result of a request to delete: handles the server confirmed as gone, and those it left, with why."""

    confirmed: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset()
    reason: str = ""


class MailSource(Interface):
    """One session with one mailbox. Every method raises MailError; after one, only ``abort`` may be called."""

    @property
    def session_limit(self) -> int | None:
        """After how many deletions the session must be closed, for them to be certain; None: whenever you like.

        It may change in the course of the session.
        """
        ...

    def list(self) -> Listing:
        """All messages that are there now, oldest first."""
        ...

    def read(self, mails: Sequence[RemoteMail]) -> Iterator[tuple[RemoteMail, bytes | None]]:
        """Each message with its bytes; None where it is gone. Changes nothing on the server.

        A message that is there but that the server does not hand over is left out: it must not be deleted.
        The caller keeps ``mails`` small: they are held in memory together.
        """
        ...

    def delete(self, mails: Sequence[RemoteMail]) -> Deletions:
        """Delete exactly these. POP3 only marks them: they are confirmed by ``close``.

        What an earlier call had to leave may be among the confirmed.
        """
        ...

    def close(self) -> Deletions:
        """End the session in order; returns the deletions that only this confirms. The connection is dropped."""
        ...

    def abort(self) -> None:
        """Drop the connection; deletions that are not confirmed may or may not have happened."""
        ...

"""``PROTOCOLS``: the one table of what each protocol does with a mailbox."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from postmaster.accounts.types import Protocol
from postmaster.sources import imap, pop3
from postmaster.sources.base import MailSource, Trouble
from postmaster.sources.connection import Client, Connection
from postmaster.sources.imap_client import ImapClient
from postmaster.sources.imap_folder import folder_names
from postmaster.sources.pop3_client import Pop3Client
from postmaster.sources.wire import ErrorTranslator


@dataclass(frozen=True)
class SourceOptions:
    """How a mailbox is opened. ``reconnect_after`` is PostMasterReconnectMessage, for POP3.

    ``trouble``: what earlier sessions of the run learned. With ``read_only`` nothing can be changed on the server.
    """

    reconnect_after: int
    read_only: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True)
class ProtocolSpec:
    """A protocol. ``client`` makes its client of a socket; the rest takes one that is signed in.

    ``source`` opens the mailbox. ``folders`` are those that can hold mail; call it inside a stage. ``try_folder`` and
    ``try_deleting`` are stages of the connection test: each says what it found, or raises MailError.
    ``newest_heads`` are the headers of the newest messages, as far as looking at them leaves no trace on any server.
    ``dry_run_note`` is what to know before looking at mail without fetching it.
    """

    client: Callable[[ErrorTranslator, socket.socket], Client]
    source: Callable[[Connection, Any, SourceOptions], MailSource]
    folders: Callable[[Any], list[str]]
    try_folder: Callable[[Connection, Any], str]
    try_deleting: Callable[[Connection, Any], str]
    newest_heads: Callable[[Connection, Any], Sequence[bytes]]
    dry_run_note: str = ""


PROTOCOLS: dict[Protocol, ProtocolSpec] = {
    Protocol.IMAP: ProtocolSpec(
        client=ImapClient,
        source=lambda connection, client, options: imap.ImapSource(
            connection, client, read_only=options.read_only, trouble=options.trouble
        ),
        folders=folder_names,
        try_folder=imap.try_folder,
        try_deleting=imap.try_deleting,
        newest_heads=imap.newest_heads,
    ),
    Protocol.POP3: ProtocolSpec(
        client=Pop3Client,
        source=lambda connection, client, options: pop3.Pop3Source(
            connection, client, reconnect_after=options.reconnect_after, read_only=options.read_only
        ),
        folders=lambda _client: [],
        try_folder=pop3.try_folder,
        try_deleting=pop3.try_deleting,
        newest_heads=lambda _connection, _client: (),
        dry_run_note="Some POP3 providers count mail that was looked at as fetched and do not show it again "
        "(Gmail does).",
    ),
}

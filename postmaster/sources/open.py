"""``open_source``: the one door to a mailbox."""

from __future__ import annotations

from postmaster.sources.base import Endpoint, MailSource, Trouble
from postmaster.sources.dial import Client, Dialler, dial
from postmaster.sources.imap import ImapSource
from postmaster.sources.imap_client import ImapClient
from postmaster.sources.imap_folder import folder_names
from postmaster.sources.pop3 import Pop3Source

PROBE_SECONDS = 60.0
"""How long listing the folders may take."""


def open_source(
    endpoint: Endpoint,
    *,
    deadline_seconds: float,
    reconnect_after: int,
    opening_seconds: float | None = None,
    read_only: bool = False,
    trouble: Trouble | None = None,
) -> MailSource:
    """Connect, check the server, sign in, and open the folder, ready to list. Raises MailError.

    After ``deadline_seconds`` the session is cut off, whatever it is doing, and after ``opening_seconds`` unless the
    mailbox is listed by then (None: OPENING_SECONDS). ``reconnect_after`` is PostMasterReconnectMessage, for POP3.
    ``trouble``: what earlier sessions of this run learned. With ``read_only`` nothing can be changed on the server.
    """
    dialler = dial(endpoint, deadline_seconds, opening_seconds)
    try:
        return source_on(dialler, dialler.client, reconnect_after=reconnect_after, read_only=read_only, trouble=trouble)
    except BaseException:
        dialler.hang_up()
        raise


def source_on(
    dialler: Dialler, client: Client, *, reconnect_after: int, read_only: bool, trouble: Trouble | None = None
) -> MailSource:
    """The source for a connection that is signed in."""
    if isinstance(client, ImapClient):
        return ImapSource(dialler, client, read_only=read_only, trouble=trouble)
    return Pop3Source(dialler, client, reconnect_after=reconnect_after, read_only=read_only)


def list_folders(endpoint: Endpoint) -> list[str]:
    """The folders that can hold mail, as they are entered in IMAP Folder; none for POP3. Raises MailError."""
    dialler = dial(endpoint, PROBE_SECONDS)
    try:
        if not isinstance(dialler.client, ImapClient):
            return []
        with dialler.wire.stage("folder"):
            return folder_names(dialler.client)
    finally:
        dialler.hang_up()

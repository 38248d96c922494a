"""``open_source``: the one door to a mailbox."""

from __future__ import annotations

from postmaster.sources.base import Endpoint, MailSource, Trouble
from postmaster.sources.connection import Opening
from postmaster.sources.deadline import TimeLimits
from postmaster.sources.dial import dial
from postmaster.sources.protocols import PROTOCOLS, SourceOptions


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
    dialler = dial(endpoint, deadline_seconds, opening_seconds, Opening.TO_LOOK if read_only else Opening.TO_TAKE)
    try:
        options = SourceOptions(reconnect_after, read_only, trouble)
        return PROTOCOLS[endpoint.type.protocol].source(dialler, dialler.client, options)
    except BaseException:
        dialler.hang_up()
        raise


def list_folders(endpoint: Endpoint) -> list[str]:
    """The folders that can hold mail, as they are entered in IMAP Folder; none for POP3. Raises MailError."""
    dialler = dial(endpoint, TimeLimits(endpoint.answer_timeout).look)
    try:
        with dialler.wire.stage("folder"):
            return PROTOCOLS[endpoint.type.protocol].folders(dialler.client)
    finally:
        dialler.hang_up()

"""What is read out of a message: plain data, ready for a database, JSON and a page."""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of an address field. ``name`` may be empty; ``address`` is as it was written, case included."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class AttachedPart:
    """A part that is kept as an attachment. ``part`` is its number as IMAP counts (RFC 3501 section 6.4.5).

    ``filename`` is never empty and never holds a path; ``content_id`` comes without angle brackets; ``size`` (bytes)
    and ``sha256`` (hex) are those of the decoded content.
    """

    part: str
    filename: str
    content_type: str
    content_id: str | None
    inline: bool
    size: int
    sha256: str


@dataclass(frozen=True)
class ParsedMessage:
    """A message, read. No string holds a NUL or half a surrogate pair, so that any database and JSON can take it.

    ``headers`` are all header fields in their order: name as written, value unfolded and decoded. ``text`` is the
    text to show (what came only as HTML made text), ``html`` all of it as HTML, if any came so: hostile, never shown as
    is. ``html_pieces`` are the documents that ``html`` is made of, and ``images`` the numbers of the parts that images
    in them mean, by what they refer to.
    ``senders`` are all mailboxes in all From fields, of which ``from_`` is the one to show.
    ``date`` is aware, or None if none could be read. ``message_id`` and the lists come without angle brackets.
    """

    subject: str = ""
    from_: Address | None = None
    senders: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    date: datetime | None = None
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    text: str = ""
    html: str | None = None
    html_pieces: tuple[str, ...] = field(default=(), repr=False)
    images: Mapping[str, str] = field(default_factory=dict, repr=False)
    attachments: tuple[AttachedPart, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def header_values(self, name: str) -> list[str]:
        """All values of the header field ``name`` (any case), in their order."""
        return self._by_name.get(name.lower(), [])

    @property
    def header_names(self) -> KeysView[str]:
        """The names of all header fields, in lower case."""
        return self._by_name.keys()

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found

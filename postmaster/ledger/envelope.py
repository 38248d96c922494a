"""Who sent a message to whom, about what: what the ledger keeps of any message, also of one that nobody could read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import islice

from postmaster.extensions import Json
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.context import recipients
from postmaster.pipeline.sender import NOBODY, Writer, possible_writers

# Characters that are kept of each part, and addresses of recipients.
MAX_TEXT, MAX_RECIPIENTS = 1000, 50

# Bytes in which the header of a message that cannot be parsed is looked for.
GLEANED_BYTES = 64 * 1024

_ADDRESS = re.compile(r"[^\s<>(),;:\"@]{1,64}+@[^\s<>(),;:\"@]{1,253}+")
_FIELD = re.compile(r"^(from|to|cc|delivered-to|subject|message-id)[ \t]*+:(.*(?:\n[ \t].*)*)", re.MULTILINE | re.I)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message is searched by. Everything may be empty; addresses are as they were written."""

    sender: str = ""
    sender_name: str = ""
    recipients: Sequence[str] = ()
    subject: str = ""
    message_id: str = ""

    def as_row(self) -> Json:
        """The columns of the ledger."""
        row = {name: getattr(self, name) for name in ENVELOPE_COLUMNS}  # asdict takes 15 times as long
        return row | {"recipients": list(self.recipients)}


ENVELOPE_COLUMNS = tuple(field.name for field in fields(Envelope))


def envelope_of(message: ParsedMessage | None, raw: bytes, writer: Writer = NOBODY) -> Envelope:
    """The envelope of a message that was parsed, or what can be gleaned from its bytes. Never raises.

    ``writer`` wrote it, as far as that was decided.
    """
    if message is None:
        return glean(raw)
    sender = writer if writer.key else next(iter(possible_writers(message)), None) or message.from_
    return Envelope(
        sender=_kept(sender.address) if sender else "",
        sender_name=_kept(sender.name) if sender else "",
        recipients=_distinct(recipients(message)),
        subject=_kept(message.subject),
        message_id=_kept(message.message_id or ""),
    )


def glean(raw: bytes) -> Envelope:
    """What the lines of the header say, taken as they are: our parser has just failed on them."""
    header = raw[:GLEANED_BYTES].decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")[0]
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(header):
        found.setdefault(name.lower(), _kept(value))
    senders = _ADDRESS.findall(found.get("from", ""))
    addresses = (_ADDRESS.findall(found.get(name, "")) for name in ("to", "cc", "delivered-to"))
    return Envelope(
        sender=senders[0] if senders else "",
        sender_name=found.get("from", "").partition("<")[0].strip(' "'),
        recipients=_distinct(address.lower() for line in addresses for address in line),
        subject=found.get("subject", ""),
        message_id=found.get("message-id", "").strip("<>"),
    )


def _distinct(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(_kept(address) for address in addresses), MAX_RECIPIENTS))


def _kept(text: str) -> str:
    """``text`` on one line, without what a database may refuse."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return " ".join(text.replace("\0", "").split())[:MAX_TEXT]

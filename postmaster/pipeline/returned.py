"""What a report tells of the message that it is about: brought back as a part, quoted in the text, or named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postmaster.parsing.address_key import address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.ids import parse_ids
from postmaster.parsing.message import AttachedPart, ParsedMessage
from postmaster.parsing.parser import parse_message, part_content
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.threads import thread_keys

# Parts that are looked into, and characters of a text.
MAX_ORIGINALS, MAX_SEARCHED = 3, 1_000_000

ORIGINALS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers",
             "message/global-headers", "text/rfc822-header")  # fmt: skip
_STATUS = re.compile(r"message/(?:global-)?(?:delivery-status|disposition-notification|feedback-report)|"
                     r"message/feedback-report")  # fmt: skip

# Where a copy begins in the text of a report that has no parts: at the first field of a header, as far as it is quoted.
_COPY = re.compile(
    r"^[ \t>|]*(?:Return-Path|Received|Message-ID|From|To|Cc|Subject|Date|In-Reply-To|References|Reply-To|Sender|"
    r"MIME-Version|DKIM-Signature|X-[\w-]+):[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[ \t]*[>|][ \t>|]*|^[ \t]+(?=[!-9;-~]+:[ \t])", re.MULTILINE)
_ABOUT = ("original-message-id", "original-rfc822-message-id", "x-original-message-id")
_RECIPIENTS = ("final-recipient", "original-recipient", "x-failed-recipients", "removal-recipient",
               "original-rcpt-to", "original-mail-from", "x-actual-recipient")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Returned:
    """A message that is told about: the keys of its thread, its subject, and the keys of who it is from and to."""

    keys: tuple[str, ...] = ()
    subject: str = ""
    parties: frozenset[str] = frozenset()


def returned_messages(arrival: Arrival, message: ParsedMessage) -> Iterator[Returned]:
    """What the report ``message`` tells of other messages, the surest first."""
    originals = [part for part in message.attachments if part.content_type in ORIGINALS]
    for part in originals[:MAX_ORIGINALS]:
        yield _described(parse_message(_content(arrival, part)))
    statuses = [part for part in message.attachments if _STATUS.fullmatch(part.content_type)]
    for part in statuses[:MAX_ORIGINALS]:
        yield _stated(parse_message(_fields(_content(arrival, part))), message)
    if message.header_values("X-Failed-Recipients"):
        yield _stated(message, message)
    if copy := _copied(message.text[:MAX_SEARCHED]):
        yield _described(parse_message(copy))


def addresses_of(message: ParsedMessage) -> Iterator[str]:
    """Who a message is from and to, as addresses are compared."""
    sender = (message.from_,) if message.from_ else ()
    return (key for each in (*sender, *message.to, *message.cc) if (key := address_key(each.address)))


def _described(original: ParsedMessage) -> Returned:
    keys = thread_keys(original)
    return Returned(keys.own + keys.all_parents, original.subject, frozenset(addresses_of(original)))


def _stated(status: ParsedMessage, report: ParsedMessage) -> Returned:
    """What the fields of a status say; the subject of the report often repeats that of the message."""
    ids = (found for name in _ABOUT for value in status.header_values(name) for found in parse_ids(value))
    values = (value for name in _RECIPIENTS for value in status.header_values(name))
    return Returned(tuple(ids), report.subject, frozenset(_recipients(values)))


def _recipients(values: Iterable[str]) -> Iterator[str]:
    """The addresses of ``rfc822; ann@customer.example`` and ``utf-8; …`` (RFC 3464 section 2.3.2)."""
    for value in values:
        for mailbox in parse_addresses(value.rpartition(";")[2]):
            if key := address_key(mailbox.address):
                yield key


def _fields(content: bytes) -> bytes:
    """The groups of fields of a status as one header: one a message, and one for each recipient."""
    return re.sub(rb"(?:\r?\n[ \t]*)+(?=[!-9;-~])", b"\n", content.strip()) + b"\n\n"


def _copied(text: str) -> bytes:
    """The message that a report quotes, from its first field on; empty if it quotes none."""
    begin = _COPY.search(text)
    if begin is None:
        return b""
    return _QUOTED.sub("", text[begin.start() :]).encode()


def _content(arrival: Arrival, part: AttachedPart) -> bytes:
    return part_content(arrival.raw, part.part)

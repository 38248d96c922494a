"""What in a message may name its ticket, in the order in which it counts (docs/glossary.md#follow-up)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from postmaster.parsing import parse_message, part_content
from postmaster.parsing.charset import decode_text
from postmaster.parsing.message import AttachedPart, ParsedMessage
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.threads import ThreadKeys, thread_keys
from postmaster.system.settings import FOLLOWUP_IN_ATTACHMENT, FOLLOWUP_IN_BODY, TICKET_HOOK, Configuration

# Ticket numbers that are looked at in one place, and characters of a text in which they are looked for.
MAX_NUMBERS = 10
MAX_SEARCHED = 1_000_000

# Messages in a bounce, and attachments, that are looked into.
MAX_ORIGINALS, MAX_ATTACHMENTS = 3, 20

_DELIVERY_STATUS = "message/delivery-status"
_ORIGINALS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers")


@dataclass(frozen=True, slots=True)
class FollowUpCheck:
    """Ticket numbers or keys of a thread, and the reason code if they lead to a ticket.

    ``parties`` are those of whom one must have written to a ticket before for its number to count. ``awaited`` keys
    are the message's own: an article may have answered it before it came.
    """

    reason: str
    numbers: tuple[str, ...] = ()
    parties: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class FollowUpChecks:
    """All clues of a message, and what it is known by itself."""

    keys: ThreadKeys
    found: Sequence[FollowUpCheck]


def find_clues(arrival: Arrival, message: ParsedMessage, configuration: Configuration) -> FollowUpChecks:
    """Everything in ``message`` that may name a ticket."""
    keys = thread_keys(message)
    return FollowUpChecks(keys, list(_clues(arrival, message, keys, configuration)))


def _clues(
    arrival: Arrival, message: ParsedMessage, keys: ThreadKeys, configuration: Configuration
) -> Iterator[FollowUpCheck]:
    hook = configuration[TICKET_HOOK]
    sender = message.from_.address.lower() if message.from_ else ""
    parties = frozenset({sender} - {""})
    if numbers := find_numbers(message.subject, hook):
        yield FollowUpCheck("follow-up-by-number", numbers, parties)
    if keys.parents:
        yield FollowUpCheck("follow-up-by-reference", keys=keys.parents)
    if keys.index_parents:
        yield FollowUpCheck("follow-up-by-thread-index", keys=keys.index_parents)
    if keys.own:
        yield FollowUpCheck("follow-up-answered-before", keys=keys.own, awaited=True)
    if message.attachments:
        yield from _bounced(arrival, message, hook)
    yield from _searched(arrival, message, configuration, parties)


def _searched(
    arrival: Arrival, message: ParsedMessage, configuration: Configuration, parties: frozenset[str]
) -> Iterator[FollowUpCheck]:
    """Numbers in text and attachments, if settings say that those are searched."""
    hook = configuration[TICKET_HOOK]
    if configuration[FOLLOWUP_IN_BODY] and (numbers := find_numbers(message.text, hook)):
        yield FollowUpCheck("follow-up-in-body", numbers, parties)
    if configuration[FOLLOWUP_IN_ATTACHMENT]:
        for text in _texts(arrival, message):
            if numbers := find_numbers(text, hook):
                yield FollowUpCheck("follow-up-in-attachment", numbers, parties)


def find_numbers(text: str, hook: str) -> tuple[str, ...]:
    """Ticket numbers after ``hook`` in ``text``, each once."""
    found = (match[1] for match in _numbers(hook).finditer(text, 0, MAX_SEARCHED))
    distinct: dict[str, None] = {}
    for number in found:
        distinct[number] = None
        if len(distinct) == MAX_NUMBERS:
            break
    return tuple(distinct)


@lru_cache(maxsize=16)
def _numbers(hook: str) -> re.Pattern[str]:
    start = r"(?<!\w)" if hook[0].isalnum() else ""  # XTicket# is the hook of another system
    return re.compile(rf"{start}{re.escape(hook)}[:\s]{{0,3}}([0-9]{{5,30}})(?![0-9])", re.IGNORECASE)


def addresses_of(message: ParsedMessage) -> list[str]:
    """Who a message is from and to, in lower case."""
    sender = (message.from_,) if message.from_ else ()
    return [address.address.lower() for address in (*sender, *message.to, *message.cc) if address.address]


def _bounced(arrival: Arrival, message: ParsedMessage, hook: str) -> Iterator[FollowUpCheck]:
    """What the messages say that a bounce (RFC 3464) brings back."""
    if not any(part.content_type == _DELIVERY_STATUS for part in message.attachments):
        return
    originals = [part for part in message.attachments if part.content_type in _ORIGINALS]
    for part in originals[:MAX_ORIGINALS]:
        original = parse_message(_content(arrival, part))
        keys = thread_keys(original)
        yield FollowUpCheck("follow-up-by-bounce", keys=keys.own + keys.all_parents)
        yield FollowUpCheck(
            "follow-up-by-bounce", find_numbers(original.subject, hook), frozenset(addresses_of(original))
        )


def _texts(arrival: Arrival, message: ParsedMessage) -> Iterator[str]:
    readable = [part for part in message.attachments if part.content_type.startswith(("text/", "message/"))]
    for part in readable[:MAX_ATTACHMENTS]:
        yield decode_text(_content(arrival, part)[:MAX_SEARCHED], "")


def _content(arrival: Arrival, part: AttachedPart) -> bytes:
    return part_content(arrival.raw, part.part)

"""What in a message may name its ticket, in the order in which it counts (docs/glossary.md#follow-up)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postmaster.parsing.charset import decode_text
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import part_content
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.marks import Report
from postmaster.pipeline.returned import returned_messages
from postmaster.pipeline.threads import ThreadKeys, thread_keys
from postmaster.pipeline.ticket_numbers import MAX_SEARCHED, Hook, find_numbers, hook_of
from postmaster.system.settings import (
    DUPLICATE_MESSAGES,
    FOLLOWUP_IN_ATTACHMENT,
    FOLLOWUP_IN_BODY,
    Configuration,
)

# Attachments that are looked into.
MAX_ATTACHMENTS = 20


@dataclass(frozen=True, slots=True)
class FollowUpCheck:
    """Ticket numbers or keys of a thread, and the reason code if they lead to a ticket.

    ``parties`` are those of whom one must have written to a ticket before for its number to count; None stands for who
    wrote the message. ``fields`` are dynamic fields with a value; only a ticket that is not closed counts for them.
    ``awaited`` keys are the message's own: an article may have answered it before it came.
    """

    reason: str
    numbers: tuple[str, ...] = ()
    parties: frozenset[str] | None = None
    keys: tuple[str, ...] = ()
    awaited: bool = False
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUpChecks:
    """All clues of a message, and what it is known by itself."""

    keys: ThreadKeys
    found: Sequence[FollowUpCheck]


def find_clues(
    arrival: Arrival,
    message: ParsedMessage,
    configuration: Configuration,
    report: Report | None,
    fields: tuple[str, ...] = (),
) -> FollowUpChecks:
    """Everything in ``message`` that may name a ticket; ``report`` says what it reports, if it does, ``fields`` are the
    keys of dynamic fields that filters captured.
    """
    keys = thread_keys(message, by_content=configuration[DUPLICATE_MESSAGES] == "one-ticket")
    found = [*_clues(message, keys, configuration, fields)]
    if report is not None:
        found += _reported(arrival, message, hook_of(configuration))
    found += _searched(arrival, message, configuration)
    if configuration[DUPLICATE_MESSAGES] == "follow-up" and message.message_id:
        found.append(FollowUpCheck("follow-up-same-message", keys=(message.message_id,)))
    return FollowUpChecks(keys, found)


def _clues(
    message: ParsedMessage, keys: ThreadKeys, configuration: Configuration, fields: tuple[str, ...]
) -> Iterator[FollowUpCheck]:
    if numbers := find_numbers(message.subject, hook_of(configuration)):
        yield FollowUpCheck("follow-up-by-number", numbers)
    if fields:
        yield FollowUpCheck("follow-up-by-field", fields=fields)
    if keys.parents:
        yield FollowUpCheck("follow-up-by-reference", keys=keys.parents)
    if keys.index_parents:
        yield FollowUpCheck("follow-up-by-thread-index", keys=keys.index_parents)
    if keys.own:
        yield FollowUpCheck("follow-up-answered-before", keys=keys.own, awaited=True)


def _searched(arrival: Arrival, message: ParsedMessage, configuration: Configuration) -> Iterator[FollowUpCheck]:
    """Numbers in text and attachments, if settings say that those are searched."""
    hook = hook_of(configuration)
    if configuration[FOLLOWUP_IN_BODY] and (numbers := find_numbers(message.text, hook)):
        yield FollowUpCheck("follow-up-in-body", numbers)
    if configuration[FOLLOWUP_IN_ATTACHMENT]:
        for text in _texts(arrival, message):
            if numbers := find_numbers(text, hook):
                yield FollowUpCheck("follow-up-in-attachment", numbers)


def _reported(arrival: Arrival, message: ParsedMessage, hook: Hook) -> Iterator[FollowUpCheck]:
    """What a report, such as a bounce (RFC 3464) or a receipt (RFC 8098), tells of the message that it is about."""
    for original in returned_messages(arrival, message):
        if original.keys:
            yield FollowUpCheck("follow-up-by-bounce", keys=original.keys)
        if numbers := find_numbers(original.subject, hook):
            yield FollowUpCheck("follow-up-by-bounce", numbers, original.parties)


def _texts(arrival: Arrival, message: ParsedMessage) -> Iterator[str]:
    readable = [part for part in message.attachments if part.content_type.startswith(("text/", "message/"))]
    for part in readable[:MAX_ATTACHMENTS]:
        yield decode_text(part_content(arrival.raw, part.part)[:MAX_SEARCHED], "")

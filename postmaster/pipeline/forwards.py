"""Who wrote the message that an agent has forwarded: attached, or quoted by Outlook, Gmail, Apple Mail or Thunderbird.

Asked only for mail of queues that say so, since an agent's forward looks like that of anybody else.
"""

from __future__ import annotations

import re
from itertools import takewhile

from postmaster.parsing.address_key import MAX_ADDRESS, address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message, part_content
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.sender import Writer, possible_writers

# Characters of a text in which a quoted header is looked for, lines that it has, and messages that are attached.
MAX_SEARCHED, MAX_LINES, MAX_ATTACHED = 100_000, 8, 1

# What a forwarded message's subject begins with, in English, German and French.
_PREFIX = re.compile(r"\s*(?:\[[^\]]{0,80}\]\s*)?(?:fwd?|wg|wtrlt|tr)\s*:", re.IGNORECASE)

# The header of a quoted message in those languages: the sender, and at least two of the other fields beside it.
_SENDER = re.compile(r"^[ \t>*]*(?:From|Von|De)[ \t\xa0*]*:[ \t\xa0*]*(?P<who>\S[^\n]*)$", re.IGNORECASE | re.MULTILINE)
_OTHERS = re.compile(
    r"[ \t>*]*(?:Sent|Date|To|Cc|Subject|Reply-To|Gesendet|Datum|An|Kopie|Betreff|Antwort an|Envoyé|À|A|Pour|Objet|"
    r"Sujet)(?: le)?[ \t\xa0*]*:",
    re.IGNORECASE,
)
_LINKED = re.compile(r"([^\s<>]+@[^\s<>]+)<mailto:[^<>\s]*>", re.IGNORECASE)
_MAILTO = re.compile(r"\[\s*mailto:\s*([^\]\s]+)\s*\]", re.IGNORECASE)


def forwarded_writer(arrival: Arrival, message: ParsedMessage) -> Writer | None:
    """Who wrote the message that ``message`` passes on, if it is a forward of one."""
    attached = [part for part in message.attachments if part.content_type in ("message/rfc822", "message/global")]
    for part in attached[:MAX_ATTACHED]:
        original = parse_message(part_content(arrival.raw, part.part))
        found = next(iter(possible_writers(original)), None)
        if found is not None and "@" in found.key:
            return Writer("the attached message", found.name, found.address, found.key)
    return _quoted_writer(message.text[:MAX_SEARCHED]) if _PREFIX.match(message.subject) else None


def _quoted_writer(text: str) -> Writer | None:
    for sender in _SENDER.finditer(text):
        after = text[sender.end() : sender.end() + 4_000].split("\n")[1 : 1 + MAX_LINES]
        before = text[max(0, sender.start() - 2_000) : sender.start()].split("\n")[:-1]
        above = list(takewhile(_OTHERS.match, reversed(before[-MAX_LINES:])))  # Thunderbird has the sender third
        if len(above) + sum(bool(_OTHERS.match(line)) for line in after) < 2:
            continue
        value = _MAILTO.sub(r"<\1>", _LINKED.sub(r"\1", sender["who"].strip(" \t\xa0*")))
        for mailbox in parse_addresses(value):
            if "@" in (key := address_key(mailbox.address)):
                return Writer("the quoted message", mailbox.name, mailbox.address[:MAX_ADDRESS], key)
    return None

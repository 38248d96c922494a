"""``PSEUDO_HEADERS``: what conditions can test beside headers of the message (docs/glossary.md#postmaster-filters)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postmaster.parsing.message import ParsedMessage


@dataclass(frozen=True, slots=True)
class PseudoHeader:
    """A name that stands for something else of the message; ``value`` says what."""

    name: str
    help: str
    value: Callable[[ParsedMessage], str]


def _attachments(message: ParsedMessage) -> int:
    return sum(not part.inline for part in message.attachments)


PSEUDO_HEADERS: Mapping[str, PseudoHeader] = {
    row.name: row
    for row in (
        PseudoHeader("Body", "The text of the message.", lambda message: message.text),
        PseudoHeader("X-OTRS-AttachmentExists", "yes or no.", lambda message: "yes" if _attachments(message) else "no"),
        PseudoHeader(
            "X-OTRS-AttachmentCount",
            "How many attachments there are; images within the text do not count.",
            lambda message: str(_attachments(message)),
        ),
        PseudoHeader("X-OTRS-BodyDecrypted", "Always empty here.", lambda _message: ""),
    )
}

_BY_KEY = {name.lower(): row for name, row in PSEUDO_HEADERS.items()}


def pseudo_value(key: str, message: ParsedMessage) -> str | None:
    """What the pseudo-header ``key``, in lower case, stands for in ``message``; None if there is no such one."""
    row = _BY_KEY.get(key)
    return None if row is None else row.value(message)

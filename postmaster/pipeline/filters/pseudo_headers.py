"""``PSEUDO_HEADERS``: what conditions can test beside headers of the message (docs/glossary.md#postmaster-filters)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.verdict import SenderVerdict


@dataclass(frozen=True, slots=True)
class PseudoHeader:
    """A name that stands for something else of the message; ``value`` says what."""

    name: str
    help: str
    value: Callable[[ParsedMessage, SenderVerdict], str]


def _attachments(message: ParsedMessage) -> int:
    return sum(not part.inline for part in message.attachments)


PSEUDO_HEADERS: Mapping[str, PseudoHeader] = {
    row.name: row
    for row in (
        PseudoHeader("Body", "The text of the message.", lambda message, _verdict: message.text),
        PseudoHeader(
            "X-OTRS-AttachmentExists", "yes or no.", lambda message, _verdict: "yes" if _attachments(message) else "no"
        ),
        PseudoHeader(
            "X-OTRS-AttachmentCount",
            "How many attachments there are; images within the text do not count.",
            lambda message, _verdict: str(_attachments(message)),
        ),
        PseudoHeader("X-OTRS-BodyDecrypted", "Always empty here.", lambda _message, _verdict: ""),
        PseudoHeader(
            "X-OTRS-SenderVerdict",
            "pass, none or fail: whether the sender is genuine, by TrustedAuthservIds.",
            lambda _message, verdict: verdict.verdict.value,
        ),
        PseudoHeader(
            "X-OTRS-SenderDomain",
            "The domain in From, which the verdict is about; an international one in its letters.",
            lambda _message, verdict: verdict.domain,
        ),
    )
}

_BY_KEY = {name.lower(): row for name, row in PSEUDO_HEADERS.items()}


def pseudo_value(key: str, message: ParsedMessage, verdict: SenderVerdict) -> str | None:
    """What the pseudo-header ``key``, in lower case, stands for in ``message``; None if there is no such one."""
    row = _BY_KEY.get(key)
    return None if row is None else row.value(message, verdict)

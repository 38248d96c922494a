"""Realistic mail in any number: sizes and kinds as in a service desk's mailbox, about 45 KB on average."""

from __future__ import annotations

import random
from collections.abc import Iterator

from demo.kinds import Case, html, story, subject
from demo.mime import Part, attachment, encoded, message, multipart, text_part
from demo.samples import SUPPORT_ADDRESS
from demo.words import PEOPLE

# Of a hundred messages: this many of each kind, with sizes of the text (characters) and of the attachment (bytes).
PLAIN, HTML, ATTACHED = 55, 29, 16
PARAGRAPHS = {PLAIN: (4, 40), HTML: (40, 160), ATTACHED: (4, 40)}
ATTACHMENT_BYTES = (20_000, 330_000)

# Messages that each customer writes, on average.
MESSAGES_EACH = 5


def realistic_mail(count: int, seed: int = 1) -> Iterator[bytes]:
    """``count`` messages; the same for the same ``seed``."""
    chance = random.Random(seed)
    kinds = (PLAIN, HTML, ATTACHED)
    for number in range(count):
        case = Case(chance, number, f"bench{seed}", SUPPORT_ADDRESS, "Mon, 02 Mar 2026 08:00:00 +0000")
        (kind,) = chance.choices(kinds, kinds)
        sender = _customer(chance.randrange(count // MESSAGES_EACH + 1))
        yield message(case.headers(subject(case), sender), _content(case, kind))


def _customer(number: int) -> str:
    """Somebody who writes, as in From."""
    name, address = PEOPLE[number % len(PEOPLE)]
    return f"{name if name.isascii() else encoded(name)} <{number}.{address}>"


def _content(case: Case, kind: int) -> Part:
    text = story(case, case.chance.randint(*PARAGRAPHS[kind]))
    if kind == PLAIN:
        return text_part(text)
    if kind == HTML:
        return multipart("alternative", [text_part(text), text_part(html(text), "html")], case.boundary)
    # Documents and photos are compressed already, as random bytes are.
    content = case.chance.randbytes(case.chance.randint(*ATTACHMENT_BYTES))
    parts = [text_part(text), attachment(content, "application/pdf", f"scan-{case.number}.pdf")]
    return multipart("mixed", parts, case.boundary)

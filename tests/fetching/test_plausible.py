"""Whether a message is a server's stand-in, checked against the plain way to find out."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.fetching.plausible import doubt

WORDS = rb"Retrieval using the (IMAP4?|POP3) protocol failed for the following message"

PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\x0b"),
    *(b"Received: by mx", b"received: by mx", b"From: Microsoft Exchange Server", b"From: somebody", b"x"),
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message",
    b"Retrieval using the POP3 protocol failed for the following message",
    *(b"The server couldn't retrieve", b"The message hasn't been deleted"),
)


def plainly(raw: bytes) -> str:
    """What is to be doubted of a message that has the size that was announced: all lines are made alike first."""
    if not raw:
        return "its text is empty"
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    if re.search(rb"^Received:", head, re.IGNORECASE | re.MULTILINE):
        return ""
    named = re.search(rb"^Subject: *" + WORDS, head, re.IGNORECASE | re.MULTILINE)
    if not named and not re.match(rb"\s*" + WORDS, body, re.IGNORECASE):
        return ""
    by_exchange = re.search(rb"^From:.*Microsoft Exchange", head, re.IGNORECASE | re.MULTILINE)
    regrets = re.search(rb"The server couldn't retrieve|The message hasn't been deleted", body, re.IGNORECASE)
    return "the server hands over a notice in its place" if by_exchange or regrets else ""


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join))
def test_a_stand_in_is_told_as_by_the_plain_way(raw: bytes) -> None:
    assert doubt(raw, len(raw)) == plainly(raw)

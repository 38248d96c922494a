"""What holds for any bytes: a message comes out, and every string of it can be stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message, part_content
from tests.parsing.messages import attachment, message, multipart, part, text

REALISTIC = (
    message(
        b"Date: Mon, 5 Jan 2026 12:00:00 +0100",
        "From: Jörg =?utf-8?Q?M=C3=BCller=2C?= <a@b>".encode(),
        b'To: "Doe, Ann" <c@d>, Team: e@f; (x)',
        b"References: <a@b>\r\n\t<c@d>",
        b"Content-Type: text/plain; charset=utf-7",
        b"Content-Transfer-Encoding: base64",
        body=b"SGVsbG8=\r\n",
    ),
    multipart(
        b"mixed",
        multipart(b"alternative", text(b"one"), text(b"<p>&#1;one<!-- x", subtype=b"html"), boundary=b"b"),
        attachment(name=b'"a"; filename*0*=utf-8\'\'%FC; filename*1="\\x"'),
        part(b"Content-Type: message/rfc822", body=message()),
        part(b"Content-Transfer-Encoding: x-uuencode", body=b"begin 644 a\r\n#0V%T\r\n`\r\nend\r\n"),
        fields=(b"Subject: =?utf-8?B?S8M=?=\r\n =?utf-8?B?tmxu?=", b"From: a@b (Ann)", b"Date: 1 Jan 0001 00:00 +0100"),
    ),
)
SPLICES = st.sampled_from(
    [b"", b"\0", b"\r", b"\n", b"\r\n\r\n", b"\xff", b"\xed\xa0\x80", b'"', b"=?", b"?=", b"--b1", b"--b1--", b";",
     b"*=", b"charset=unicode_escape", b"charset=utf-16", b"+2AA-", b"<", b"(", b":", b"&#xD800;", b"%00", b"= "]
)  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A realistic message with a few pieces of it cut out, doubled, or replaced by what trips readers up."""
    raw = draw(st.sampled_from(REALISTIC))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 30)))
        raw = raw[:start] + draw(SPLICES | st.binary(max_size=8) | st.just(raw[start:end] * 2)) + raw[end:]
    return raw


def strings_of(value: Any) -> Iterator[str]:
    """All strings in a value, whatever holds them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings_of(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings_of(each)


def assert_storable(read: ParsedMessage, raw: bytes) -> None:
    """Everything a database, JSON and a page ask of a message."""
    fields = asdict(read)
    date = fields.pop("date")
    assert date is None or date.astimezone(UTC)
    json.dumps(fields, ensure_ascii=False).encode("utf-8")
    assert not any("\0" in string for string in strings_of(fields))
    assert not any("\n" in value or "\r" in value for _, value in read.headers)
    assert "\r" not in read.text or read.html is not None
    for attached in read.attachments:
        assert len(part_content(raw, attached.part)) == attached.size
        assert attached.filename
        assert not set(attached.filename) & set("/\\\0\r\n")
    assert len({attached.filename.lower() for attached in read.attachments}) == len(read.attachments)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_message_that_can_be_stored(raw: bytes) -> None:
    assert_storable(parse_message(raw), raw)


@settings(deadline=None)
@given(mutations())
def test_any_damage_gives_a_message_that_can_be_stored(raw: bytes) -> None:
    assert_storable(parse_message(raw), raw)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_addresses_that_were_in_it(value: str) -> None:
    for mailbox in parse_addresses(value):
        assert mailbox.name or mailbox.address

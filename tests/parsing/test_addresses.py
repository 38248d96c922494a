"""Mailboxes of address fields."""

from __future__ import annotations

import pytest

from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.parser import parse_message
from tests.parsing.messages import message


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        (b"a@b", "", "a@b"),
        (b"<a@b>", "", "a@b"),
        (b"Ann Doe <Ann@B.example>", "Ann Doe", "Ann@B.example"),
        (b"Ann Doe<a@b>", "Ann Doe", "a@b"),
        (b'"Doe, Ann" <a@b>', "Doe, Ann", "a@b"),
        (b'"Ann \\"A\\" Doe" <a@b>', 'Ann "A" Doe', "a@b"),
        (b"Doe, Ann <a@b>", "Doe, Ann", "a@b"),
        (b"a@b (Ann Doe)", "Ann Doe", "a@b"),
        (b"<a@b> (Ann (the boss) Doe)", "Ann (the boss) Doe", "a@b"),
        (b"Ann Doe <a@b> (work)", "Ann Doe", "a@b"),
        (b"a@b (=?utf-8?Q?J=C3=B6rg?=)", "Jörg", "a@b"),
        (b"=?utf-8?Q?M=C3=BCller=2C_Hans?= <a@b>", "Müller, Hans", "a@b"),
        (b'"=?utf-8?Q?M=C3=BCller=2C_Hans?=" <a@b>', "Müller, Hans", "a@b"),
        (b"=?utf-8?Q?M=C3=BCller,_Hans?= <a@b>", "Müller, Hans", "a@b"),
        (b"=?utf-8?Q?J=C3?=\r\n =?utf-8?Q?=B6rg?= <a@b>", "Jörg", "a@b"),
        (b"=?iso-8859-1?Q?J=F6rg?=<a@b>", "Jörg", "a@b"),
        (b"=?utf-8?Q?Ann_=3Ca=40b=3E?=", "Ann", "a@b"),
        ("Jörg <a@b>".encode(), "Jörg", "a@b"),
        ("Jörg <a@b>".encode("latin-1"), "Jörg", "a@b"),
        ("jörg@köln.example".encode(), "", "jörg@köln.example"),
        (b"a@b <a@b>", "a@b", "a@b"),
        (b'"a@b" <a@b>', "a@b", "a@b"),
        (b"'a@b' <a@b>", "a@b", "a@b"),
        (b'"a@b"', "", "a@b"),
        (b'"ann doe"@b', "", '"ann doe"@b'),
        (b'Ann <"ann doe"@b>', "Ann", '"ann doe"@b'),
        (b"Ann Doe a@b", "Ann Doe", "a@b"),
        (b"mailto:a@b", "", "a@b"),
        (b"<@x,@y:a@b>", "", "a@b"),
        (b"Support: Team <a@b>", "Support: Team", "a@b"),
        (b'"Ann <a@b>', "Ann", "a@b"),
        (b"Ann <a@b", "Ann", "a@b"),
        (b"Ann (x <a@b>", "Ann (x", "a@b"),
        (b"Ann <ann> <a@b>", "Ann ann", "a@b"),
        (b"root (Cron Daemon)", "Cron Daemon", "root"),
        (b"Ann (a@b)", "Ann", "a@b"),
        (b"Ann Doe ( <a@b> ) (work)", "Ann Doe", "a@b"),
        (b"(Ann Doe) (a@b)", "Ann Doe", "a@b"),
        (b"Ann Doe <> (a@b)", "Ann Doe", "a@b"),
        (b"root (Cron of a@b)", "Cron of a@b", "root"),
        (b"root (a@b) (c@d)", "a@b c@d", "root"),
        (b"MAILER-DAEMON", "", "MAILER-DAEMON"),
        (b"Ann Doe", "Ann Doe", ""),
        (b"bounce+SRS=x=y@b.example", "", "bounce+SRS=x=y@b.example"),
    ],
)
def test_the_sender_is_read_as_people_write_him(written: bytes, name: str, address: str) -> None:
    sender = parse_message(message(b"From: " + written)).from_
    assert sender is not None
    assert (sender.name, sender.address) == (name, address)


@pytest.mark.parametrize("written", [b"", b"<>", b",,,", b"undisclosed-recipients:;", b"()", b"\0"])
def test_a_field_without_a_mailbox_gives_none(written: bytes) -> None:
    read = parse_message(message(b"From: " + written, b"To: " + written))
    assert (read.from_, read.to) == (None, ())


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        (b"a@b, c@d", ["a@b", "c@d"]),
        (b"a@b; c@d;", ["a@b", "c@d"]),
        (b"a@b,, ,c@d,", ["a@b", "c@d"]),
        (b'Team: a@b, "X, Y" <c@d>; e@f', ["a@b", "c@d", "e@f"]),
        (b"Doe, Ann <a@b>, Roe, Bob <c@d>", ["a@b", "c@d"]),
        (b'"open <a@b>, c@d', ["a@b", "c@d"]),
        (b"a@b,\r\n\tc@d", ["a@b", "c@d"]),
    ],
)
def test_every_recipient_of_a_list_is_read(written: bytes, addresses: list[str]) -> None:
    read = parse_message(message(b"To: " + written, b"Cc: " + written, b"Reply-To: " + written))
    for field in (read.to, read.cc, read.reply_to):
        assert [mailbox.address for mailbox in field] == addresses


def test_a_decoded_value_gives_the_same_mailboxes() -> None:
    raw = message(b"Resent-To: =?utf-8?Q?M=C3=BCller=2C_Hans?= <a@b>, Ann <c@d>")
    value = parse_message(raw).header_values("Resent-To")[0]
    assert [(mailbox.name, mailbox.address) for mailbox in parse_addresses(value)] == [
        ("Müller, Hans", "a@b"),
        ("Ann", "c@d"),
    ]

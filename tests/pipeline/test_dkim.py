"""Signatures that are checked here (RFC 6376), by keys from a DNS server that listens on the loopback."""

from __future__ import annotations

import base64
import itertools
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from sqlalchemy import select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.ledger.filter_trial import checked_of, recent_messages, source_of, try_out
from postmaster.pipeline import dkim as checking
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.decision import Rules
from postmaster.pipeline.filters.models import PostmasterFilter
from tests.servers.dns import DnsServer
from tests.support import Desk, mail

NUMBERS = itertools.count(1)
SELECTOR = b"s1"


@cache
def key() -> tuple[bytes, bytes]:
    """A private key in PEM form, and its TXT record."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def signed(raw: bytes, domain: str = "example.net", **options: Any) -> bytes:
    """``raw`` with a signature of ``domain`` above it."""
    options = {"canonicalize": (b"relaxed", b"relaxed"), **options}
    header: bytes = dkim.sign(raw, SELECTOR, domain.encode(), key()[0], **options)
    return header + raw


def letter(**options: Any) -> bytes:
    """A message that nobody has sent before."""
    return mail(f"signed {next(NUMBERS)}", **options)


@pytest.fixture
def keys() -> Iterator[DnsServer]:
    """A DNS server that has the key of some domains."""
    names = ("example.net", "mail.example.net", "attacker.example", "xn--kche-0ra.example")
    with DnsServer({f"s1._domainkey.{name}": key()[1] for name in names}) as server:
        server.records["s1._domainkey.gone.example.net"] = b"v=DKIM1; p="
        checking.key_server.cache_clear()
        yield server
        checking.key_server.cache_clear()


@pytest.fixture
def app(environ: dict[str, str], keys: DnsServer) -> Flask:
    """The app, which asks that server."""
    return create_app(load_environment({**environ, "POSTMASTER_DNS_SERVERS": keys.address}))


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A desk that checks signatures."""
    desk.ok("setting", "set", "CheckDKIM", "yes")
    return desk


def verdict(desk: Desk, raw: bytes, *options: str) -> tuple[str, str]:
    """What becomes of the sender of ``raw``, and of its signature."""
    found = desk.ok("read", "--json", *options, input=raw).json["sender_verdict"]
    return found["verdict"], found["dkim"]


def forged(raw: bytes) -> bytes:
    """``raw`` with another text than was signed."""
    assert raw.count(b"Hello.") == 1
    return raw.replace(b"Hello.", b"Pay me.")


def test_a_signature_of_the_senders_domain_proves_him_and_the_trace_says_by_whom(desk: Desk, keys: DnsServer) -> None:
    result = desk.ok("read", "--json", input=signed(letter())).json
    assert result["sender_verdict"] == {
        "verdict": "pass", "domain": "example.net", "server": "(checked here)",
        "spf": "none", "dkim": "pass", "dmarc": "none", "arc": "none",
    }  # fmt: skip
    [line] = [line for line in result["trace"] if line["stage"] == "sender"]
    assert line["text"].startswith(
        "The sender, of example.net, is proven, as PostMaster has found: SPF none, DKIM pass"
    )
    assert keys.asked == ["s1._domainkey.example.net"]


def test_each_kind_of_signature_gets_its_result(desk: Desk) -> None:
    long, bare = letter(), b"From: ada@example.net\nSubject: bare\n\nHi\n"
    of_no_sender = re.sub(rb"(?s)\bh=[^;]*;", b"h=to : subject;", signed(letter()), count=1)
    kinds = {
        "below": (signed(letter(), "mail.example.net"), ("pass", "pass")),
        "above": (signed(letter(sender="ada@mail.example.net")), ("pass", "pass")),
        "both forms": (signed(letter(sender="eva@küche.example"), "xn--kche-0ra.example"), ("pass", "pass")),
        "line feeds alone": (signed(bare), ("pass", "pass")),
        "of somebody else": (signed(letter(), "attacker.example"), ("none", "none")),
        "changed": (forged(signed(letter())), ("none", "fail")),
        "by a list, over the broken one": (signed(forged(signed(letter())), "attacker.example"), ("none", "fail")),
        "the second is good": (signed(letter()), ("pass", "pass")),
        "revoked": (signed(letter(), "gone.example.net"), ("none", "fail")),
        "no key": (signed(letter(), "nokey.example.net"), ("none", "fail")),
        "of a part of the text, RFC 6376 section 8.2": (signed(long, length=True) + b"More.\r\n", ("none", "policy")),
        "of no sender": (of_no_sender, ("none", "policy")),
        "mangled": (b"DKIM-Signature: v=1; d=example.net; h=from; b=\xff\xfe;;=\r\n" + letter(), ("none", "none")),
        "nothing": (b"DKIM-Signature: \r\n" + letter(), ("none", "none")),
        "two senders": (signed(letter(sender="a@example.net, b@attacker.example")), ("none", "pass")),
    }
    found = {kind: verdict(desk, raw, "--dry-run") for kind, (raw, _) in kinds.items()}
    assert found == {kind: expected for kind, (_, expected) in kinds.items()}


def test_nothing_is_asked_where_a_trusted_server_has_told_or_nobody_wants_to_know(desk: Desk, keys: DnsServer) -> None:
    desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example")
    told = b"Authentication-Results: mx.desk.example; dmarc=fail header.from=example.net\r\n"
    assert verdict(desk, told + signed(letter())) == ("fail", "none")
    assert verdict(desk, letter()) == ("none", "none")
    desk.ok("setting", "set", "CheckDKIM", "no")
    assert verdict(desk, signed(letter())) == ("none", "none")
    assert keys.asked == []


def test_dns_that_fails_proves_and_refutes_nothing(desk: Desk, keys: DnsServer) -> None:
    keys.failing = True
    desk.ok("setting", "set", "OnSenderFail", "quarantine")
    assert verdict(desk, signed(letter())) == ("none", "temperror")


def test_dns_that_is_silent_costs_a_limited_time_and_is_left_alone_then(
    desk: Desk, keys: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "DNS_SECONDS", 1)
    keys.silent = True
    several = letter()
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        several = signed(several, f"{name}.example.net")
    started = time.monotonic()
    assert verdict(desk, several, "--dry-run") == ("none", "temperror")
    assert time.monotonic() - started < 6, "the limit is that of the message, not of a signature"
    for _ in range(2):
        verdict(desk, signed(letter()), "--dry-run")
    asked = len(keys.asked)
    assert verdict(desk, signed(letter()), "--dry-run") == ("none", "temperror")
    assert len(keys.asked) == asked


def test_no_more_than_some_signatures_of_a_message_are_checked(desk: Desk, keys: DnsServer) -> None:
    raw = letter()
    for number in range(12):
        raw = signed(raw, f"{number}.example.net")
    assert verdict(desk, raw) == ("none", "fail")
    assert len(keys.asked) == checking.MAX_SIGNATURES


def test_a_key_is_asked_for_once(desk: Desk, keys: DnsServer) -> None:
    for _ in range(3):
        assert verdict(desk, signed(letter())) == ("pass", "pass")
    assert len(keys.asked) == 1


def test_what_was_found_is_kept_and_not_asked_for_again(app: Flask, desk: Desk, keys: DnsServer) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for outcome in ("new", "quarantined"):
        result = desk.ok("read", "--json", input=signed(letter())).json
        assert (result["outcome"], result["sender_verdict"]["verdict"]) == (outcome, "pass")
    checking.key_server.cache_clear()
    keys.asked.clear()
    condition = ("--match", "X-OTRS-SenderVerdict=^pass$", "--set", "X-OTRS-Queue=Misc")
    desk.ok("filter", "add", "--name", "Proven", *condition)
    with app.app_context(), read_session() as session:
        row = session.scalars(select(PostmasterFilter)).one()
        for number, _ in recent_messages(session):
            tried = source_of(session, number), checked_of(session, number)
            assert try_out(session, row, *tried, Rules(), ZoneInfo("UTC")).attempts[0].trial.matched
    [held] = desk.ok("quarantine", "list", "--json").json_lines
    desk.ok("quarantine", "retry", held["id"])
    desk.ok("ticket", "dispatch", *(row["number"] for row in desk.tickets()))
    assert [row["queue"] for row in desk.tickets()] == ["Misc", "Misc"]
    assert keys.asked == []


def test_what_was_compressed_ahead_is_not_compressed_again(app: Flask) -> None:
    arrival = read_arrival(signed(letter()), b"", "one", 1).pack_ahead()
    with app.app_context():
        [checked] = checking.check_signatures([arrival], lambda _: True)
    assert checked.checked.dkim == "pass"
    assert checked.packed is arrival.packed


def test_servers_are_addresses_with_a_port_or_without(environ: dict[str, str]) -> None:
    settings = load_environment({**environ, "POSTMASTER_DNS_SERVERS": "192.0.2.53, 192.0.2.54:5353 ::1 [::1]:5353"})
    assert settings.dns_servers == (("192.0.2.53", 53), ("192.0.2.54", 5353), ("::1", 53), ("::1", 5353))

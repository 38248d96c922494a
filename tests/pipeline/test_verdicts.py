"""Verdicts on senders: what our own mail servers have found out counts, and nothing else (RFC 8601)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support import Desk, mail

NUMBERS = itertools.count(1)

PASS = "mx.desk.example; spf=pass smtp.mailfrom=ada@example.net; dkim=pass header.d=example.net; dmarc=pass"
FAIL = "mx.desk.example; dmarc=fail (p=reject) header.from=example.net"


@pytest.fixture(scope="module")
def desk(shared_desk: Desk) -> Desk:
    """A desk with two mail servers of its own, one of which leaves its name out."""
    shared_desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example; (unnamed)")
    return shared_desk


def take(desk: Desk, *fields: str, subject: str = "", options: tuple[str, ...] = (), **sent: Any) -> Any:
    """Take a message that has these values of Authentication-Results, the topmost first."""
    headers = [f"Authentication-Results: {value}" for value in fields]
    raw = mail(subject or f"message {next(NUMBERS)}", headers=headers, **sent)
    return desk.ok("read", "--json", *options, input=raw).json


VERDICTS = [
    (PASS, "pass", ("pass", "pass", "pass", "none")),
    (FAIL, "fail", ("none", "none", "fail", "none")),
    ("MX.Desk.Example 1;\r\n dmarc = pass (a \"b\" (c; dmarc=fail)) header.from=example.net", "pass", None),
    ('"mx.desk.example"; dkim=pass reason="good; key" header.d=mail.example.net', "pass", None),
    ("mx.desk.example; dkim/1=pass header.i=@example.net", "pass", None),
    ("mx.desk.example; dkim=fail header.d=example.net; dkim=pass header.d=example.net", "pass", None),
    ("mx.desk.example; spf=pass smtp.mailfrom=example.net", "pass", None),
    ("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.net; dkim=pass (verified) header.d=example.net;"
     "dmarc=pass action=none header.from=example.net;compauth=pass reason=100", "pass", None),
    ("mx.desk.example; dkim=pass header.d=attacker.example", "none", ("none", "pass", "none", "none")),
    ("mx.desk.example; spf=pass smtp.mailfrom=x@ple.net", "none", None),
    ("mx.desk.example; dkim=pass header.d=net", "none", None),
    ("mx.desk.example; dmarc=pass header.from=attacker.example; dkim=pass header.d=example.net", "none", None),
    ("mx.desk.example; spf=fail smtp.mailfrom=ada@example.net", "fail", None),
    ("mx.desk.example; spf=softfail smtp.mailfrom=ada@example.net", "none", None),
    ("mx.desk.example; spf=fail smtp.mailfrom=list@lists.example", "none", None),
    ("mx.desk.example; dkim=fail header.d=example.net", "none", None),
    ("mx.desk.example; arc=pass; dmarc=fail header.from=example.net", "none", ("none", "none", "fail", "pass")),
    ("mx.desk.example; none", "none", ("none",) * 4),
    ("mx.desk.example", "none", None),
    ("mx.desk.example; (((; dmarc=pass", "none", None),
    ("mx.attacker.example; dmarc=pass header.from=example.net", "none", ("none",) * 4),
    ("mx.desk.example.attacker.example; dmarc=pass", "none", ("none",) * 4),
    ("", "none", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "verdict", "methods"), VERDICTS)
def test_the_field_of_an_own_server_says_whether_the_sender_is_proven(
    desk: Desk, value: str, verdict: str, methods: tuple[str, ...] | None
) -> None:
    found = take(desk, value, options=("--dry-run",))["sender_verdict"]
    assert (found["verdict"], found["domain"]) == (verdict, "example.net")
    assert methods is None or tuple(found[name] for name in ("spf", "dkim", "dmarc", "arc")) == methods


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ([FAIL, PASS], "fail"),
        ([PASS, FAIL], "pass"),
        (["mx.attacker.example; dmarc=pass", FAIL, PASS], "fail"),
        (["mx.attacker.example; dmarc=pass"], "none"),
        ([], "none"),
    ],
)
def test_only_the_topmost_field_of_an_own_server_counts(desk: Desk, fields: list[str], verdict: str) -> None:
    assert take(desk, *fields, options=("--dry-run",))["sender_verdict"]["verdict"] == verdict


def test_nothing_counts_as_long_as_no_server_is_named(desk: Desk) -> None:
    desk.ok("setting", "set", "TrustedAuthservIds", "")
    try:
        found = take(desk, PASS)
    finally:
        desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example; (unnamed)")
    assert (found["sender_verdict"]["verdict"], found["sender_verdict"]["server"]) == ("none", "")
    assert not [line for line in found["trace"] if line["stage"] == "sender"]


def test_both_forms_of_a_domain_are_one(desk: Desk) -> None:
    value = "mx.desk.example; dkim=pass header.d=xn--kche-0ra.example"
    found = take(desk, value, sender="eva@Küche.example", options=("--dry-run",))["sender_verdict"]
    assert (found["verdict"], found["domain"]) == ("pass", "küche.example")


def test_the_trace_and_the_article_say_what_was_found(desk: Desk) -> None:
    result = take(desk, PASS)
    [line] = [line for line in result["trace"] if line["stage"] == "sender"]
    words = "The sender, of example.net, is proven, as mx.desk.example has found"
    assert line["text"] == f"{words}: SPF pass, DKIM pass, DMARC pass, ARC none."
    [article] = desk.ok("ticket", "show", result["ticket"], "--json").json["articles"]
    assert article["sender_verdict"] == result["sender_verdict"]


def test_filters_see_the_verdict_and_nothing_that_the_message_says_of_it_itself(desk: Desk) -> None:
    conditions = ("--match", "X-OTRS-SenderVerdict=^fail$", "--match", r"X-OTRS-SenderDomain=^example\.net$")
    desk.ok("filter", "add", "--name", "Forged", *conditions, "--set", "X-OTRS-Queue=Junk")
    try:
        queues = [take(desk, value, options=("--dry-run",))["queue"] for value in (FAIL, PASS)]
        raw = mail("forged", headers=["X-OTRS-SenderVerdict: fail", f"Authentication-Results: {PASS}"])
        trusted = desk.ok("read", "--json", "--dry-run", "--trusted", input=raw).json["queue"]
    finally:
        desk.ok("filter", "delete", "Forged", "--yes")
    assert (queues, trusted) == (["Junk", "Raw"], "Raw")
    assert (
        "nothing comes of"
        in desk.run("filter", "add", "--name", "F", "--match", "Subject=x", "--set", "X-OTRS-SenderVerdict=pass").stderr
    )


@pytest.mark.parametrize(
    ("setting", "value", "outcome"),
    [
        ("mark", FAIL, "follow-up"),
        ("no-follow-up", FAIL, "new"),
        ("no-follow-up", PASS, "follow-up"),
        ("no-follow-up", "mx.desk.example; none", "follow-up"),
        ("quarantine", FAIL, "quarantined"),
        ("quarantine", PASS, "follow-up"),
    ],
)
def test_the_setting_says_what_happens_to_a_forged_follow_up(
    desk: Desk, setting: str, value: str, outcome: str
) -> None:
    first = take(desk, PASS)
    desk.ok("setting", "set", "OnSenderFail", setting)
    try:
        result = take(desk, value, subject=f"[Ticket#{first['ticket']}] {next(NUMBERS)}")
    finally:
        desk.ok("setting", "set", "OnSenderFail", "mark")
    assert result["outcome"] == outcome
    assert (result["ticket"] == first["ticket"]) == (outcome == "follow-up")
    if outcome == "new":
        assert result["attributes"]["follows"] == [first["ticket"]]
        assert desk.ok("ticket", "show", result["ticket"], "--json").json["follows"] == [first["ticket"]]
        assert take(desk, PASS, subject=f"[Ticket#{first['ticket']}] {next(NUMBERS)}")["ticket"] == first["ticket"]


def test_a_forged_message_leaves_quarantine_when_somebody_says_so(desk: Desk) -> None:
    desk.ok("setting", "set", "OnSenderFail", "quarantine")
    try:
        assert take(desk, FAIL, subject="held")["reason"] == "sender-fails"
        [row] = [row for row in desk.ok("quarantine", "list", "--json").json_lines if row["subject"] == "held"]
        assert "ticket" in desk.ok("quarantine", "retry", row["id"]).stdout
    finally:
        desk.ok("setting", "set", "OnSenderFail", "mark")


@pytest.mark.parametrize(
    ("setting", "value", "outcome"),
    [
        ("no", PASS, "new"),
        ("yes", FAIL, "follow-up"),
        ("proven", PASS, "follow-up"),
        ("proven", FAIL, "new"),
        ("proven", "mx.desk.example; none", "new"),
    ],
)
def test_a_number_from_a_proven_stranger_counts_by_the_setting(
    desk: Desk, setting: str, value: str, outcome: str
) -> None:
    first = take(desk, PASS)
    desk.ok("setting", "set", "AcceptTicketNumberFromStranger", setting)
    try:
        sent = {"subject": f"[Ticket#{first['ticket']}] {next(NUMBERS)}", "sender": f"x{next(NUMBERS)}@example.net"}
        result = take(desk, value, **sent)
    finally:
        desk.ok("setting", "set", "AcceptTicketNumberFromStranger", "no")
    assert result["outcome"] == outcome

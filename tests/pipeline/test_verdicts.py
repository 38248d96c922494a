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


# What servers in use write, with where it was reported.
REPORTED = [
    # jstedfast/MimeKit#490: no name, the recipient's domain as a statement of its own
    ("spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=ses.example; desk.example; dkim=pass (signature was verified) "
     "header.d=example.net;desk.example; dmarc=bestguesspass action=none header.from=example.net;", "pass"),
    # jstedfast/MimeKit#527
    ("spf=temperror (sender IP is 192.0.2.1) smtp.helo=x.example; desk.example; dkim=none (message not signed) "
     "header.d=none;desk.example; dmarc=none action=none header.from=;", "none"),
    # emersion/go-msgauth#64: semicolons before the properties too
    ("spf=pass (sender IP is 192.0.2.1); smtp.mailfrom=example.net; dkim=none; header.d=none", "pass"),
    ("spf=pass (sender IP is 192.0.2.1); smtp.mailfrom=other.example; dkim=pass; header.d=other.example;"
     "dmarc=pass action=none; header.from=other.example;compauth=pass reason=100", "none"),
    # MicrosoftDocs/microsoft-365-docs#4515: passes by its own guess, for the signature alone
    ("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=ses.example; desk.example; dkim=pass header.d=ses.example;"
     "desk.example; dmarc=bestguesspass action=none header.from=example.net;compauth=pass reason=109", "none"),
    # forwardemail/free-email-forwarding#276: the domain asks for nothing to be done
    ("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=gmail.example; dkim=none (message not signed) header.d=none;"
     "dmarc=fail action=none header.from=example.net;compauth=fail reason=001", "none"),
    ("spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.net; dkim=none header.d=none;"
     "dmarc=fail action=oreject header.from=example.net;compauth=fail reason=000", "fail"),
    # report-uri/report-uri-bugs#150, Gmail: what a list has changed
    ("mx.desk.example; dkim=fail (body hash mismatch) header.d=example.net; arc=pass (i=2 spf=pass dmarc=pass "
     "fromdomain=example.net); dmarc=fail (p=REJECT sp=REJECT dis=NONE) header.from=example.net", "none"),
    ("mx.desk.example; dkim=neutral (body hash did not verify) header.i=@example.net; spf=pass "
     "smtp.mailfrom=list@lists.example; dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=example.net", "none"),
    ("mx.desk.example; dmarc=fail (p=REJECT sp=NONE dis=NONE) header.from=example.net", "none"),
    ("mx.desk.example; dmarc=fail (p=REJECT sp=REJECT dis=NONE) header.from=example.net", "fail"),
    # OpenDMARC, rspamd and Fastmail: how they tell the policy
    ("mx.desk.example; dmarc=fail (p=none dis=none) header.from=example.net", "none"),
    ("mx.desk.example; dmarc=fail (p=reject dis=none) header.from=example.net", "fail"),
    ('mx.desk.example; dmarc=fail reason="No valid SPF, No valid DKIM" header.from=example.net (policy=none)', "none"),
    ('mx.desk.example; dmarc=fail reason="p=none" header.from=example.net (policy=quarantine)', "fail"),
    ("mx.desk.example; dmarc=fail policy.published-domain-policy=none policy.applied-disposition=none "
     "policy.policy-from=p header.from=example.net", "none"),
    ("mx.desk.example; dmarc=fail(p=NONE) header.from=example.net", "none"),
    # what nobody could find out is no failure: RFC 8601 section 2.7
    ("mx.desk.example; spf=temperror smtp.mailfrom=example.net; dkim=temperror; dmarc=temperror", "none"),
    ("mx.desk.example; spf=fail smtp.mailfrom=example.net; dmarc=temperror header.from=example.net", "none"),
    ("mx.desk.example; spf=fail smtp.mailfrom=example.net; dmarc=permerror header.from=example.net", "none"),
    ("mx.desk.example; spf=permerror smtp.mailfrom=example.net", "none"),
    ("mx.desk.example; dkim=permerror (key too short) header.d=example.net; spf=neutral", "none"),
    ("mx.desk.example; dkim=policy header.d=example.net", "none"),
    # RFC 8601 appendix B, and section 2.2
    ("mx.desk.example 1; none", "none"),
    ("mx.desk.example; auth=pass (cram-md5) smtp.auth=ada@example.net; spf=pass smtp.mailfrom=example.net", "pass"),
    ("mx.desk.example. ; dmarc=pass header.from=EXAMPLE.NET.", "pass"),
    # of a chain (RFC 8617), which anybody can begin: it is in no field of that name
    ("i=1; mx.desk.example; dmarc=pass header.from=example.net", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "verdict"), REPORTED)
def test_what_servers_in_use_write_is_understood(desk: Desk, value: str, verdict: str) -> None:
    assert take(desk, value, options=("--dry-run",))["sender_verdict"]["verdict"] == verdict


def outside(host: str = "mx.desk.example") -> str:
    """The Received field of a server that has a message from somewhere else."""
    return f"Received: from mail.example.net (unknown [192.0.2.9]) by {host} (Postfix) with ESMTPS id 1; Mon, 23 Nov"


OURS = "Authentication-Results: mx.desk.example;"
GOOD = f"{OURS} dmarc=pass header.from=example.net"
BAD = f"{OURS} dmarc=fail (p=reject) header.from=example.net"
DELIVERED = "Received: from mx.desk.example\r\n\tby imap.desk.example (Dovecot) with LMTP\r\n\tid x; Mon, 23 Nov"

# Header fields from the top, the verdict, and what DKIM then is.
PLACES = {
    "one field of each program, RFC 8601 section 5": (
        [f"{OURS} dmarc=pass header.from=example.net", f"{OURS} dkim=pass header.d=example.net", outside()],
        "pass", "pass"),
    "trusteddomainproject/OpenARC#129: and a local delivery above": (
        [DELIVERED, f"{OURS} spf=pass smtp.mailfrom=x.example", f"{OURS} dkim=pass header.d=example.net", outside()],
        "pass", "pass"),
    "the upper one has the last word": ([BAD, GOOD, outside()], "fail", "none"),
    "trusteddomainproject/OpenDMARC#23: written below the own Received, so the next may be the sender's": (
        [outside(), f"{OURS} spf=softfail smtp.mailfrom=example.net", GOOD], "none", "none"),
    "below a Received: the sender's": (
        [f"{OURS} spf=softfail smtp.mailfrom=example.net", outside(), GOOD], "none", "none"),
    "another name between them": (
        [f"{OURS} spf=none", "Authentication-Results: mx.example.net; dmarc=pass",
         f"{OURS} dkim=pass header.d=example.net", outside()], "pass", "pass"),
    "another of our names is another server": (
        [f"{OURS} spf=none", "Authentication-Results: dmarc=pass"], "none", "none"),
    "behind hosts of our own": (
        ["Received: by 2002:a59:afa8:0:b0:29e:61ae:1e25 with SMTP id h8csp1209700vqa; Fri, 20 May",
         "Received: from [127.0.0.1] (localhost [127.0.0.1]) by relay.desk.example (Postfix) with ESMTP; Fri, 20 May",
         "Received: from relay by localhost (amavisd-new, port 10024) with ESMTP; Fri, 20 May", GOOD, outside()],
        "pass", "none"),
    "a mailbox at a site of another name": (
        ["Received: from a.hosting.example by b.hosting.example with ESMTP id 7; Fri, 20 May",
         "Received: from mx.desk.example by in.hosting.example with ESMTPS id 7; Fri, 20 May", GOOD, outside()],
        "pass", "none"),
    "jbostoen/itop-jb-mail-to-ticket-automation-v2#262: beyond another site, which does not know our names": (
        ["Received: from list.example.org by mx.desk.example with ESMTPS id 1; Mon, 23 Nov",
         "Received: from x.example by list.example.org with ESMTPS id 2; Mon, 23 Nov", GOOD], "none", "none"),
    "of a chain, RFC 8617": (
        ["ARC-Authentication-Results: i=1; mx.desk.example; dmarc=pass header.from=example.net"], "none", "none"),
    "no Received at all": ([GOOD], "pass", "none"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_field_counts_by_its_place(desk: Desk, name: str) -> None:
    headers, verdict, dkim = PLACES[name]
    found = desk.ok("read", "--json", "--dry-run", input=mail("placed", headers=headers)).json["sender_verdict"]
    assert (found["verdict"], found["dkim"]) == (verdict, dkim)


@pytest.mark.parametrize(
    ("senders", "verdict"),
    [
        (["ada@example.net"], "pass"),
        (["Ada <ada@example.net>, eva@EXAMPLE.net"], "pass"),
        (["Ada <ada@example.net>, Bob <bob@attacker.example>"], "none"),  # msimerson/mail-dmarc#87
        (["Bob <bob@attacker.example>, ada@example.net"], "none"),
        (["ada@example.net", "bob@attacker.example"], "none"),  # mjl-/mox#459
        (["=?utf-8?q?ceo=40attacker=2Eexample=2C?= <ada@example.net>"], "pass"),
        (["desk:;"], "none"),
        ([], "none"),
    ],
)
def test_a_verdict_is_about_one_sender(desk: Desk, senders: list[str], verdict: str) -> None:
    lines = [GOOD, *(f"From: {sender}" for sender in senders), f"Subject: {next(NUMBERS)}", "", "x"]
    found = desk.ok("read", "--json", "--dry-run", input="\r\n".join(lines).encode()).json["sender_verdict"]
    assert found["verdict"] == verdict


@pytest.mark.parametrize(
    ("ids", "server", "verdict"),
    [
        ("mx.küche.example", "mx.xn--kche-0ra.example", "pass"),
        ("mx.XN--kche-0ra.example", "mx.küche.example", "pass"),
        ("MX.Desk.Example.", "mx.desk.example", "pass"),
        ("*.mail.example", "mx7.in.mail.example", "pass"),  # LanternOps/breeze#2099: each of their hosts has its own
        ("*.mail.example", "mail.example", "none"),
        ("*.mail.example", "mx.notmail.example", "none"),
        ("mail.example", "mx.mail.example", "none"),
    ],
)
def test_servers_are_named_one_by_one_or_by_what_they_are_below(
    desk: Desk, ids: str, server: str, verdict: str
) -> None:
    desk.ok("setting", "set", "TrustedAuthservIds", ids)
    try:
        found = take(desk, f"{server}; dmarc=pass header.from=example.net", options=("--dry-run",))
    finally:
        desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example; (unnamed)")
    assert found["sender_verdict"]["verdict"] == verdict


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
        "has no effect"
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


@pytest.mark.parametrize(
    ("option", "value", "sender", "queue"),
    [
        ("--trusted", FAIL, None, "Misc"),
        ("--trusted-if-proven", PASS, None, "Misc"),
        ("--trusted-if-proven", "mx.desk.example; spf=pass smtp.mailfrom=example.net", None, "Misc"),
        ("--trusted-if-proven", FAIL, None, "Raw"),
        ("--trusted-if-proven", "mx.desk.example; dkim=pass header.d=attacker.example", None, "Raw"),
        ("--trusted-if-proven", "mx.attacker.example; dmarc=pass", None, "Raw"),
        # A list proves itself, not who writes through it.
        ("--trusted-if-proven", "mx.desk.example; dmarc=pass header.from=example.net", "list", "Raw"),
    ],
)
def test_headers_of_a_message_count_if_its_sender_is_proven(
    desk: Desk, option: str, value: str, sender: str | None, queue: str
) -> None:
    behind = ["Reply-To: eve@attacker.example", "List-Post: <mailto:ada@example.net>"] if sender else []
    raw = mail("steered", headers=[f"Authentication-Results: {value}", "X-OTRS-Queue: Misc", *behind])
    result = desk.ok("read", "--json", "--dry-run", option, input=raw).json
    assert result["queue"] == queue
    said = [line["text"] for line in result["trace"] if line["stage"] == "headers"]
    words = "Its own X-OTRS headers do not count, since its account trusts proven senders only: X-OTRS-Queue."
    assert said == ([] if queue == "Misc" else [words])


def test_a_number_from_somebody_behind_a_proven_list_does_not_count(desk: Desk) -> None:
    first = take(desk, PASS)
    desk.ok("setting", "set", "AcceptTicketNumberFromStranger", "proven")
    try:
        sender = "Eve via List <eve=attacker.example@example.net>"
        headers = [f"Authentication-Results: {PASS}", "List-Post: <mailto:list@example.net>"]
        raw = mail(f"[Ticket#{first['ticket']}]", sender=sender, headers=headers)
        assert desk.ok("read", "--json", input=raw).json["outcome"] == "new"
    finally:
        desk.ok("setting", "set", "AcceptTicketNumberFromStranger", "no")


def test_mail_is_found_by_its_verdict(desk: Desk) -> None:
    name = f"verdict{next(NUMBERS)}"
    for word, value in (
        ("proven", PASS),
        ("forged", FAIL),
        ("unclear", "mx.desk.example; none"),
        ("unseen", "x; none"),
    ):
        take(desk, value, subject=f"{name} {word}")

    def found(*options: str) -> dict[str, Any]:
        rows = desk.ok("mail", "find", "--json", "--subject", name, *options).json_lines
        return {row["subject"].split()[1]: row["verdict"] for row in rows}

    assert found() == {"proven": "pass", "forged": "fail", "unclear": "none", "unseen": None}
    assert found("--verdict", "pass") == {"proven": "pass"}
    assert found("--verdict", "fail") == {"forged": "fail"}
    assert found("--verdict", "none") == {"unclear": "none"}


@pytest.mark.parametrize("action", ["retry", "deliver"])
def test_what_leaves_quarantine_keeps_its_verdict(desk: Desk, action: str) -> None:
    name = f"held{next(NUMBERS)}"
    desk.ok("setting", "set", "OnSenderFail", "quarantine")
    try:
        take(desk, FAIL, subject=name)
        assert [row["outcome"] for row in desk.ok("mail", "find", name, "--verdict", "fail", "--json").json_lines] == [
            "quarantined"
        ]
        [row] = [row for row in desk.ok("quarantine", "list", "--json").json_lines if row["subject"] == name]
        desk.ok("quarantine", action, row["id"], *(["--queue", "Junk"] if action == "deliver" else []))
    finally:
        desk.ok("setting", "set", "OnSenderFail", "mark")
    [row] = desk.ok("mail", "find", name, "--verdict", "fail", "--json").json_lines
    [article] = desk.ok("ticket", "show", row["ticket"], "--json").json["articles"]
    assert article["sender_verdict"]["verdict"] == "fail"

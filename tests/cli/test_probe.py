"""``flask account test``."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import TestMailbox
from tests.support import SERVICES, Desk, mail

STAGES = ["dns", "connect", "tls", "login", "folder", "delete"]


@pytest.mark.parametrize("kind", SERVICES)
def test_all_stages_go_well_on_an_account_that_works(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    mailbox.deliver(mail("kept"))
    account = desk.account(mailbox, kind)
    result = desk.ok("account", "test", account, "--json").json
    assert result["ok"] is True
    assert [stage["stage"] for stage in result["stages"]] == STAGES
    encrypted = kind not in ("IMAP", "POP3")
    assert [stage["state"] for stage in result["stages"]] == [
        "ok",
        "ok",
        "ok" if encrypted else "skip",
        "ok",
        "ok",
        "ok",
    ]
    assert "1 message" in result["stages"][4]["detail"]
    assert ("sha256$" in result["stages"][2]["detail"]) is encrypted
    assert mailbox.count() == 1


def test_the_stage_that_fails_says_why_and_what_to_do(desk: Desk, mailbox: TestMailbox) -> None:
    account = desk.account(TestMailbox(mailbox.server, mailbox.user, "wrong"), "IMAPS")
    result = desk.run("account", "test", account)
    assert result.exit_code == 1
    assert "✗ login" in result.stdout
    assert "→ Check user name and password" in result.stdout
    assert "– folder: not reached" in result.stdout


def test_an_account_without_a_credential_fails_at_login(desk: Desk) -> None:
    account = desk.add_account(type="IMAP", host="127.0.0.1")
    result = desk.run("account", "test", account, "--json")
    assert result.exit_code == 1
    assert result.json["stages"][-1]["stage"] == "login"


def judged(server: str, subject: str, *above: str) -> bytes:
    """A message on which that server has written its verdict."""
    received = "Received: from mail.example.net by mx.desk.example with ESMTPS id 1; Mon, 23 Nov 2026 09:12:00 +0100"
    field = f"Authentication-Results: {server}; dmarc=pass header.from=example.net"
    return mail(subject, headers=[*above, field.replace("(unnamed); ", ""), received])


GMAIL, OUTLOOK = "mx.google.com", "(unnamed)"

ELSEWHERE = ("Received: from a.example by mx.desk.example; x", "Received: from b.example by c.example; x")

# Who has signed each message of a mailbox, and what is offered.
MAILBOXES: dict[str, tuple[list[bytes], dict[str, object] | None]] = {
    "most": ([judged(GMAIL, "1"), judged(GMAIL, "2"), mail("3")], {"name": GMAIL, "seen": 2, "looked": 3}),
    "one server under one name": ([judged("MX.Google.com", "1"), judged(GMAIL, "2")],
                                  {"name": GMAIL, "seen": 2, "looked": 2}),
    "without a name": ([judged(OUTLOOK, "1"), judged(OUTLOOK, "2")], {"name": OUTLOOK, "seen": 2, "looked": 2}),
    "hosts of one domain": ([judged(f"mx{n}.mail.example", str(n)) for n in range(4)],
                            {"name": "*.mail.example", "seen": 4, "looked": 4}),
    "one message alone may be forged": ([judged("mx.attacker.example", "1")], None),
    "some forged": ([judged("mx.attacker.example", "1"), judged("mx.attacker.example", "2"), mail("3"), mail("4")],
                    None),
    "below another site": ([judged(GMAIL, str(n), *ELSEWHERE) for n in range(3)], None),
    "the newest only": ([*(judged("mx.old.example", f"old {n}") for n in range(12)),
                         *(judged(GMAIL, f"new {n}") for n in range(10))], {"name": GMAIL, "seen": 10, "looked": 10}),
    "empty": ([], None),
}  # fmt: skip


@pytest.mark.parametrize("name", MAILBOXES)
def test_a_server_that_signs_most_mail_is_offered_and_not_trusted(desk: Desk, mailbox: TestMailbox, name: str) -> None:
    raws, offer = MAILBOXES[name]
    mailbox.deliver(*raws)
    account = desk.account(mailbox, "IMAP")
    assert desk.ok("account", "test", account, "--json").json["server_offer"] == offer
    assert "authserv" not in desk.ok("account", "show", account).stdout
    assert mailbox.count() == len(raws)


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_preview_offers_it_too_and_what_is_trusted_is_not_offered_again(
    desk: Desk, mailbox: TestMailbox, kind: str
) -> None:
    mailbox.deliver(judged(GMAIL, "1"), judged(GMAIL, "2"))
    account = desk.account(mailbox, kind)
    offer = desk.ok("account", "preview", account, "--json").json["server_offer"]
    assert offer == {"name": GMAIL, "seen": 2, "looked": 2}
    assert f"as {GMAIL} (2 of the 2 mails looked at): trust it" in desk.ok("account", "preview", account).stdout
    if kind == "IMAP":
        assert f"--authserv-ids '{GMAIL}'" in desk.ok("account", "test", account).stdout
    desk.ok("account", "set", account, "--authserv-ids", f"mx.other.example; {GMAIL}")
    for command in ("test", "preview"):
        assert desk.ok("account", command, account, "--json").json["server_offer"] is None
    desk.ok("account", "set", account, "--authserv-ids", "")
    desk.ok("setting", "set", "TrustedAuthservIds", GMAIL)
    assert desk.ok("account", "preview", account, "--json").json["server_offer"] is None


def test_the_connection_test_leaves_no_trace_by_pop3(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(judged(GMAIL, "1"), judged(GMAIL, "2"))
    account = desk.account(mailbox, "POP3")
    result = desk.ok("account", "test", account, "--json", "--verbose")
    assert result.json["server_offer"] is None
    assert "> TOP" not in result.stderr
    assert "> RETR" not in result.stderr


def test_an_account_believes_its_own_servers_instead_of_those_of_all(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(judged(GMAIL, "by google"), judged("mx.desk.example", "by us"))
    desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example")
    account = desk.account(mailbox, "IMAP", authserv_ids=GMAIL, trusted="proven-senders-only")
    exported = desk.ok("account", "export").stdout
    assert '"trusted": "proven-senders-only"' in exported
    assert f'"authserv_ids": "{GMAIL}"' in exported
    assert "unchanged" in desk.ok("account", "import", input=exported).stdout
    assert (
        "unchanged"
        in desk.ok("account", "import", input=exported.replace("proven-senders-only", "proven-senders-ONLY")).stdout
    )
    desk.ok("fetch", "--account", account)
    found = {row["subject"]: row["verdict"] for row in desk.ok("mail", "find", "--json").json_lines}
    assert found == {"by google": "pass", "by us": None}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            "spf=pass smtp.mailfrom=x",
            "Trusted Authserv-IDs has “spf=pass smtp.mailfrom=x”, which is not the name of a server",
        ),
        (
            "mx.a.example mx.b.example",
            "which is not the name of a server. Enter what stands before the first semicolon",
        ),
        ("mx.a.example; MX.A.example", "has “MX.A.example” twice"),
    ],
)
def test_what_names_no_server_is_refused(desk: Desk, names: str, sentence: str) -> None:
    result = desk.run(
        "account", "add", "--type", "IMAP", "--host", "h.example", "--dispatching", "to", "--authserv-ids", names
    )
    assert result.exit_code == 2
    assert sentence in result.stderr

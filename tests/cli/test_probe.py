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

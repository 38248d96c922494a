"""What is told of accounts: when one begins to fail, and when it is well again, however often it is fetched."""

from __future__ import annotations

from flask import Flask

from postmaster.database import transaction
from postmaster.ledger.models import FetchRun, Mailbox, RunStatus
from postmaster.operations.upkeep import close_dead_runs
from tests.outbox.conftest import Reader
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail


def test_a_turn_is_told_once_however_many_runs_fail(desk: Desk, reader: Reader, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox)
    desk.fetch()
    assert reader.new() == []
    desk.ok("account", "set", account, "--port", "1")
    desk.fetch(code=1)
    [failing] = reader.new()
    error = {name: failing["data"][name] for name in ("code", "stage", "message")}
    assert failing["type"] == "account.failing"
    assert error == {"code": "connect-refused", "stage": "connect", "message": error["message"]}
    assert "127.0.0.1" in error["message"]
    assert failing["data"]["account"]["id"] == int(account)
    assert failing["data"]["links"] == {"account": f"/api/v1/accounts/{account}"}
    desk.fetch(code=1)
    desk.fetch(code=1)
    assert reader.new() == []
    desk.ok("account", "set", account, "--port", mailbox.server.port("imap"))
    desk.fetch()
    desk.fetch()
    [recovered] = reader.new()
    assert (recovered["type"], recovered["data"]["failures"]) == ("account.recovered", 3)
    assert recovered["data"]["failing_since"] <= failing["timestamp"]


def test_an_account_whose_server_a_credential_is_not_for_any_more_fails_at_once(
    desk: Desk, reader: Reader, mailbox: TestMailbox
) -> None:
    name = desk.credential(mailbox.user, mailbox.password)
    desk.account(mailbox, credential=name)
    for hosts in ("mail.example.net", "mail.example.com"):
        desk.ok("credential", "set", name, "--hosts", hosts, "--password-stdin", input="secret\n")
    assert [(event["type"], event["data"]["code"]) for event in reader.new()] == [
        ("account.failing", "credential-elsewhere")
    ]


def test_a_run_whose_process_died_is_told(app: Flask, desk: Desk, reader: Reader, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox)
    mailbox.deliver(mail("one"))
    desk.fetch()
    reader.new()
    with app.app_context():
        with transaction() as session:
            run = session.query(FetchRun).one()
            run.status = RunStatus.RUNNING
            session.query(Mailbox).one().lease_expires_at = None
        assert close_dead_runs() == 1
    assert [(event["type"], event["data"]["code"]) for event in reader.new()] == [("account.failing", "run-died")]
    assert account


def test_what_is_told_of_an_account_that_is_deleted_stays(desk: Desk, reader: Reader, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox, port=1)
    desk.fetch(code=1)
    desk.ok("account", "delete", account, "--yes")
    [failing] = reader.new()
    assert (failing["data"]["account"], failing["data"]["code"]) == (None, "connect-refused")

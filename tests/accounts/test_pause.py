"""An account that somebody paused: nothing is fetched of it, and nothing about it is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.fetching.pause import is_paused
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.lateness import late_accounts
from postmaster.operations.verdict import judge
from postmaster.resources.models import AuditEvent
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail

WHY = ("--reason", "The server moves")
LONG_AGO = timedelta(days=9)


@pytest.fixture
def account(desk: Desk, mailbox: TestMailbox) -> str:
    """The id of an account with one mail."""
    mailbox.deliver(mail("one"))
    return desk.account(mailbox)


@pytest.fixture
def idle(app: Flask, desk: Desk) -> str:
    """The id of an account that had its last turn days ago."""
    account = desk.add_account(type="IMAP", host="one.example", credential=desk.credential("ada", "secret"))
    with app.app_context(), transaction() as session:
        then = now() - LONG_AGO
        session.execute(update(MailAccount).values(created_at=then, changed_at=then))
        session.execute(update(Credential).values(changed_at=then))
        session.add(AccountState(account_id=int(account), last_success_at=then, next_run_at=then, backlog_growth=9))
    return account


def incidents(app: Flask, name: str) -> int:
    """How much a condition finds now."""
    [condition] = [row for row in CONDITIONS if row.name == name]
    with app.app_context(), read_session() as session:
        return len(condition.find(session, now()) or ())


def test_nothing_is_fetched_until_it_is_resumed(desk: Desk, account: str, mailbox: TestMailbox) -> None:
    assert desk.ok("account", "pause", account, *WHY).stdout.endswith(" is paused.\n")
    for named in ((), ("--account", account)):
        assert "flask account resume" in desk.fetch_one(*named)["skipped_reason"]
    assert mailbox.count() == 1
    assert desk.ok("account", "resume", account).stdout.endswith(" is fetched again.\n")
    assert desk.fetch_one()["new"] == 1


def test_it_says_who_paused_it_when_and_why(desk: Desk, account: str) -> None:
    desk.ok("account", "pause", account, *WHY)
    shown = desk.ok("account", "show", account, "--json").json
    assert (shown["health"], shown["paused_reason"]) == ("paused-by-hand", "The server moves")
    assert shown["paused_by"]
    assert shown["paused_at"]
    assert "Paused by" in desk.ok("status").stdout
    assert "was paused already" in desk.ok("account", "pause", account, "--reason", "other").stdout
    assert desk.ok("account", "show", account, "--json").json["paused_reason"] == "The server moves"


def test_a_reason_is_wanted_and_all_accounts_must_be_there(desk: Desk, account: str) -> None:
    assert "missing-field" in desk.run("account", "pause", account).stderr
    assert "unknown-account" in desk.run("account", "pause", account, "nobody", *WHY).stderr
    assert desk.ok("account", "show", account, "--json").json["health"] == "never"


def test_it_keeps_revision_and_place_and_is_in_the_audit_log(app: Flask, desk: Desk, idle: str) -> None:
    desk.ok("account", "pause", idle, *WHY)
    desk.ok("account", "resume", idle)
    with app.app_context(), read_session() as session:
        account = session.get_one(MailAccount, int(idle))
        assert account.revision == 1
        assert account.state is not None
        assert account.state.next_run_at is not None
        assert account.state.next_run_at < now() - timedelta(days=8)
        events = session.query(AuditEvent).filter_by(noun="account", record_id=int(idle)).order_by(AuditEvent.id)
        assert [event.action for event in events] == ["add", "pause", "resume"]


def test_a_run_under_way_hears_of_it(app: Flask, desk: Desk, idle: str) -> None:
    with app.app_context(), read_session() as session:
        assert not is_paused(session, int(idle))
    desk.ok("account", "pause", idle, *WHY)
    with app.app_context(), read_session() as session:
        assert is_paused(session, int(idle))
        assert not is_paused(session, int(idle) + 1)


@pytest.mark.parametrize("condition", ["silence", "backlog"])
def test_what_is_paused_raises_no_alert_nor_once_it_is_resumed(
    app: Flask, desk: Desk, idle: str, condition: str
) -> None:
    assert incidents(app, condition) == 1
    desk.ok("account", "pause", idle, *WHY)
    assert incidents(app, condition) == 0
    desk.ok("account", "resume", idle)
    assert incidents(app, "silence") == 0


def test_what_is_paused_is_not_late_nor_once_it_is_resumed(app: Flask, desk: Desk, idle: str) -> None:
    def late() -> int:
        with app.app_context(), read_session() as session:
            return len(late_accounts(session))

    assert late() == 1
    desk.ok("account", "pause", idle, *WHY)
    assert late() == 0
    desk.ok("account", "resume", idle)
    assert late() == 0


def test_the_verdict_is_well_and_names_how_many_are_paused(app: Flask, desk: Desk, idle: str) -> None:
    desk.ok("account", "pause", idle, *WHY)
    desk.add_account(type="IMAP", host="two.example", credential=desk.credential("eve", "secret"))
    with app.app_context(), read_session() as session:
        verdict = judge(session, None)
    assert (verdict.headline, verdict.ok) == ("All is well with 1 account; 1 account is paused", True)


def test_no_account_but_paused_ones_is_told(app: Flask, desk: Desk, idle: str) -> None:
    desk.ok("account", "pause", idle, *WHY)
    with app.app_context(), read_session() as session:
        assert judge(session, None).headline == "No account is fetched; 1 account is paused"

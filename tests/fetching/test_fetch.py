"""Mail becomes tickets: from real servers, by the command line."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.ports import wait_until
from tests.support import SERVICES, Desk, expected, mail, mails
from tests.turns import as_many

EACH_PROTOCOL = pytest.mark.parametrize("kind", ["IMAP", "POP3"])


@pytest.mark.parametrize("kind", SERVICES)
def test_mail_of_each_type_becomes_tickets_and_is_deleted(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox, kind)
    row = desk.fetch_one()
    assert (row["found"], row["new"], row["error"]) == (3, 3, None)
    assert desk.titles() == expected(3)
    assert mailbox.count() == 0


@EACH_PROTOCOL
def test_a_second_run_finds_nothing(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox, kind)
    desk.fetch()
    assert desk.fetch_one()["found"] == 0
    assert desk.titles() == expected(3)


@EACH_PROTOCOL
def test_two_identical_messages_become_two_tickets(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    raw = mail("twice")
    mailbox.deliver(raw, raw)
    desk.account(mailbox, kind)
    assert desk.fetch_one()["new"] == 2
    assert desk.titles() == Counter({"twice": 2})


def test_more_mail_than_a_batch_holds_is_all_taken(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(250))
    desk.account(mailbox)
    assert desk.fetch_one()["new"] == 250
    assert desk.titles() == expected(250)


def test_pop3_sessions_are_ended_after_the_number_of_messages_in_the_setting(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(25))
    desk.account(mailbox, "POP3")
    desk.ok("setting", "set", "PostMasterReconnectMessage", 10)
    sessions = f"user=<{mailbox.user}>"
    before = mailbox.server.log.count(sessions)
    assert desk.fetch_one()["new"] == 25
    assert mailbox.count() == 0
    wait_until(lambda: mailbox.server.log.count(sessions) >= before + 3, "three sessions in the log")
    assert mailbox.server.log.count(sessions) == before + 3


def test_without_uidplus_the_mail_is_deleted_too(desk: Desk, dovecot_without_uidplus: Dovecot) -> None:
    mailbox = new_mailbox(dovecot_without_uidplus)
    mailbox.deliver(*mails(3))
    desk.account(mailbox)
    assert desk.fetch_one()["new"] == 3
    assert mailbox.count() == 0


def test_a_folder_is_fetched_and_the_others_are_left_alone(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("in the folder"), folder="Größe/Ärger")
    mailbox.deliver(mail("in the inbox"))
    desk.account(mailbox, folder="Größe/Ärger")
    assert desk.fetch_one()["new"] == 1
    assert desk.titles() == Counter(["in the folder"])
    assert mailbox.count() == 1


def test_by_to_a_linked_address_decides_else_the_default_queue(desk: Desk, mailbox: TestMailbox) -> None:
    desk.ok("queue", "add", "--name", "Sales::Orders")
    address = ("--address", "orders@example.org", "--name", "Orders", "--queue", "Sales::Orders")
    desk.ok("address", "add", *address)
    mailbox.deliver(
        mail("linked", to="Orders Desk <ORDERS@example.org>"),
        mail("in copy", to="someone@example.org", headers=["Cc: orders@example.org"]),
        mail("nobody's", to="someone@example.org"),
    )
    desk.account(mailbox)
    desk.fetch()
    queues = {ticket["title"]: ticket["queue"] for ticket in desk.tickets()}
    assert queues == {"linked": "Sales::Orders", "in copy": "Sales::Orders", "nobody's": "Raw"}


def test_by_queue_the_address_is_disregarded(desk: Desk, mailbox: TestMailbox) -> None:
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Misc")
    mailbox.deliver(mail("linked", to="orders@example.org"))
    desk.account(mailbox, dispatching="queue", queue="Junk")
    desk.fetch()
    assert [ticket["queue"] for ticket in desk.tickets()] == ["Junk"]


def test_mail_too_large_stays_on_the_server_without_holding_up_the_rest(desk: Desk, mailbox: TestMailbox) -> None:
    desk.ok("setting", "set", "PostmasterMaxEmailSize", 10)
    mailbox.deliver(mail("small 1"), mail("large", size=20_000), mail("small 2"))
    desk.account(mailbox)
    row = desk.fetch_one()
    assert (row["found"], row["new"], row["left"]) == (3, 2, 1)
    assert row["left_reasons"]["too-large"] == 1
    assert mailbox.count() == 1


@EACH_PROTOCOL
def test_a_dry_run_tells_what_would_become_of_mail_and_changes_nothing(
    desk: Desk, mailbox: TestMailbox, kind: str
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox, kind)
    row = desk.fetch_one("--dry-run")
    assert [message["subject"] for message in row["messages"]] == ["mail 0", "mail 1", "mail 2"]
    assert {message["queue"] for message in row["messages"]} == {"Raw"}
    assert row["new"] == 3
    assert desk.tickets() == []
    assert mailbox.count() == 3
    assert desk.fetch_one()["new"] == 3


def test_a_time_limit_leaves_the_rest_on_the_server(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(5))
    desk.account(mailbox)
    row = desk.fetch_one("--timeout", "0")
    assert (row["left"], row["left_reasons"]["timeout"], row["error"]) == (5, 5, None)
    assert desk.fetch_one()["new"] == 5


def test_several_accounts_are_fetched_and_the_named_one_alone_when_it_is_named(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox
) -> None:
    mailbox.deliver(mail("one"))
    other_mailbox.deliver(mail("other"))
    first = desk.account(mailbox)
    desk.account(other_mailbox, "POP3S")
    [row] = desk.fetch("--account", first)["accounts"]
    assert row["new"] == 1
    assert desk.fetch()["totals"]["new"] == 1


def test_of_many_accounts_only_the_wrong_one_fails(desk: Desk, dovecot: Dovecot) -> None:
    mailboxes = [new_mailbox(dovecot) for _ in range(as_many(33, 99))]
    for mailbox in mailboxes:
        mailbox.deliver(mail(mailbox.user))
        desk.account(mailbox)
    wrong = TestMailbox(dovecot, "nobody@example.org", "wrong")
    wrong_id = desk.account(wrong)
    result = desk.fetch(code=1)
    failed = [row for row in result["accounts"] if row["error"]]
    assert [str(row["id"]) for row in failed] == [wrong_id]
    assert failed[0]["error"]["code"] == "login-refused"
    assert result["totals"]["new"] == len(mailboxes)
    assert desk.titles() == Counter(mailbox.user for mailbox in mailboxes)


def test_people_are_told_what_failed_what_the_server_said_and_what_to_do(desk: Desk, mailbox: TestMailbox) -> None:
    desk.account(TestMailbox(mailbox.server, mailbox.user, "wrong"))
    result = desk.run("fetch")
    assert result.exit_code == 1
    assert "failed at login" in result.stdout
    assert "Check user name and password" in result.stdout
    assert "The server said:" in result.stdout
    assert "wrong" not in result.stdout


def test_nothing_to_fetch_is_said_and_no_failure(desk: Desk) -> None:
    assert "no valid mail account" in desk.ok("fetch").stdout


def test_an_account_that_is_named_but_not_valid_is_refused(desk: Desk, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox, validity="invalid")
    result = desk.run("fetch", "--account", account)
    assert result.exit_code == 2
    assert "set it valid first" in result.stderr.lower()
    assert desk.fetch()["accounts"] == []


def test_an_account_without_a_credential_is_skipped(desk: Desk, mailbox: TestMailbox) -> None:
    desk.add_account(type="IMAP", host="127.0.0.1", port=mailbox.server.port("imap"))
    row = desk.fetch_one()
    assert (row["skipped"], row["error"]) == (1, None)


def test_a_refused_login_is_not_tried_again_until_the_credential_changes(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("waiting"))
    credential = desk.credential(mailbox.user, "wrong")
    desk.account(mailbox, credential=credential)
    desk.fetch(code=1)
    before = len(mailbox.server.wait_for_log(f"Disconnected.*{re.escape(mailbox.user)}"))
    row = desk.fetch_one()
    assert row["skipped"] == 1
    assert "login refused; it waits" in row["skipped_reason"]
    assert mailbox.user not in mailbox.server.log[before:]
    desk.ok("credential", "set", credential, "--password-stdin", input=mailbox.password)
    assert desk.fetch_one()["new"] == 1


def test_a_paused_account_is_tried_when_it_is_named(desk: Desk, mailbox: TestMailbox) -> None:
    account = desk.account(TestMailbox(mailbox.server, mailbox.user, "wrong"))
    desk.fetch(code=1)
    assert desk.fetch_one("--account", account, code=1)["error"]["code"] == "login-refused"

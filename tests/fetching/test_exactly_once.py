"""Nothing lost, nothing doubled, whatever the server, other clients and admins do meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from postmaster.fetching import batches
from postmaster.sources.base import Deletions, MailSource, RemoteMail
from postmaster.sources.imap import ImapSource
from postmaster.sources.pop3 import Pop3Source
from tests.servers.fixtures import TestMailbox
from tests.servers.pop3 import PASSWORD, Pop3Server
from tests.support import Desk, expected, mail, mails

SOURCES = {"IMAP": ImapSource, "POP3": Pop3Source}
EACH_PROTOCOL = pytest.mark.parametrize("kind", SOURCES)


class BrokenError(ConnectionError):
    """The connection, or the process, ends here."""


def break_before_deleting(monkeypatch: pytest.MonkeyPatch, source: type[MailSource]) -> None:
    """Make the next run store its mail, but not delete it."""

    def delete(_self: Any, _mails: Sequence[RemoteMail]) -> Deletions:
        raise BrokenError

    monkeypatch.setattr(source, "delete", delete)


def between_list_and_read(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Do ``action`` when a run has listed a mailbox and not read it yet."""
    original = batches.select_messages

    def divide(*args: Any) -> Any:
        action()
        return original(*args)

    monkeypatch.setattr(batches, "select_messages", divide)


@EACH_PROTOCOL
def test_mail_that_was_stored_but_not_deleted_is_only_deleted_by_the_next_run(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mailbox.deliver(*mails(5))
    desk.account(mailbox, kind)
    with monkeypatch.context() as patch:
        break_before_deleting(patch, SOURCES[kind])
        assert desk.fetch_one(code=1)["new"] == 5
    assert mailbox.count() == 5
    assert desk.fetch_one()["already_recorded"] == 5
    assert desk.titles() == expected(5)
    assert mailbox.count() == 0


@EACH_PROTOCOL
def test_two_mailboxes_with_equal_uids_behind_one_account_are_both_taken(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for number, box in enumerate((mailbox, other_mailbox)):
        box.deliver(*[mail(f"box {number} mail {position}") for position in range(3)])
        box.server.set_uidvalidity(box.user, 4711, "INBOX", first_uid=1)
    account = desk.account(mailbox, kind)
    with monkeypatch.context() as patch:
        break_before_deleting(patch, SOURCES[kind])
        desk.fetch(code=1)
    other = desk.credential(other_mailbox.user, other_mailbox.password)
    mine = desk.ok("account", "show", account, "--json").json["credential"]
    desk.ok("account", "set", account, "--credential", other)
    assert desk.fetch_one()["new"] == 3
    desk.ok("account", "set", account, "--credential", mine)
    assert desk.fetch_one()["already_recorded"] == 3
    assert set(desk.titles().values()) == {1}
    assert len(desk.titles()) == 6


@EACH_PROTOCOL
def test_an_account_deleted_and_added_again_finds_what_it_had_stored(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mailbox.deliver(*mails(4))
    account = desk.account(mailbox, kind)
    with monkeypatch.context() as patch:
        break_before_deleting(patch, SOURCES[kind])
        desk.fetch(code=1)
    desk.ok("account", "delete", account, "--yes")
    mailbox.deliver(mail("mail 4"))
    desk.account(mailbox, kind)
    row = desk.fetch_one()
    assert (row["already_recorded"], row["new"]) == (4, 1)
    assert desk.titles() == expected(5)
    assert mailbox.count() == 0


def test_an_account_that_changes_its_protocol_finds_what_it_had_stored(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(*mails(4), mail("twice"), mail("twice"))
    account = desk.account(mailbox, "POP3")
    with monkeypatch.context() as patch:
        break_before_deleting(patch, Pop3Source)
        desk.fetch(code=1)
    desk.ok("account", "set", account, "--type", "IMAP", "--port", mailbox.server.port("imap"))
    assert desk.fetch_one()["already_recorded"] == 6
    assert desk.titles() == expected(4) + Counter({"twice": 2})
    assert mailbox.count() == 0


def test_a_changed_uidvalidity_between_two_runs_doubles_nothing(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail("twice")
    mailbox.deliver(*mails(4), raw, raw)
    desk.account(mailbox)
    with monkeypatch.context() as patch:
        break_before_deleting(patch, ImapSource)
        desk.fetch(code=1)
    mailbox.server.set_uidvalidity(mailbox.user, 99, "INBOX", first_uid=100)
    mailbox.deliver(raw)
    row = desk.fetch_one()
    assert (row["already_recorded"], row["new"]) == (6, 1)
    assert desk.titles() == expected(4) + Counter({"twice": 3})
    assert mailbox.count() == 0


def test_another_message_under_a_known_uid_is_taken(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(mail("before"))
    mailbox.server.set_uidvalidity(mailbox.user, 7, "INBOX", first_uid=1)
    desk.account(mailbox)
    with monkeypatch.context() as patch:
        break_before_deleting(patch, ImapSource)
        desk.fetch(code=1)
    client = mailbox.server.client(mailbox.user)
    client.select()
    client.store("1", "+FLAGS", "\\Deleted")
    client.expunge()
    client.logout()
    mailbox.deliver(mail("after"))
    mailbox.server.set_uidvalidity(mailbox.user, 7, "INBOX", first_uid=1)
    assert desk.fetch_one()["new"] == 1
    assert desk.titles() == Counter(["before", "after"])


@EACH_PROTOCOL
def test_mail_that_arrives_during_a_run_is_taken_by_the_next_one(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox, kind)
    with monkeypatch.context() as patch:
        between_list_and_read(patch, lambda: mailbox.deliver(mail("mail 3")))
        assert desk.fetch_one()["new"] == 3
    assert mailbox.count() == 1
    assert desk.fetch_one()["new"] == 1
    assert desk.titles() == expected(4)


def test_mail_that_another_client_deletes_during_a_run_is_counted_as_gone(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox)

    def delete_the_second() -> None:
        client = mailbox.server.client(mailbox.user)
        client.select()
        client.store("2", "+FLAGS", "\\Deleted")
        client.expunge()
        client.logout()

    with monkeypatch.context() as patch:
        between_list_and_read(patch, delete_the_second)
        row = desk.fetch_one()
    assert (row["new"], row["gone"]) == (2, 1)
    assert desk.titles() == Counter(["mail 0", "mail 2"])


def test_mail_that_another_client_flagged_as_deleted_is_left_alone(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(2))
    client = mailbox.server.client(mailbox.user)
    client.select()
    client.store("1", "+FLAGS", "\\Deleted")
    client.logout()
    desk.account(mailbox)
    assert desk.fetch_one()["found"] == 1
    assert mailbox.count() == 1


@pytest.mark.parametrize("uidl", ["none", "duplicate"])
def test_pop3_servers_without_usable_uidl_lose_and_double_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, uidl: str
) -> None:
    raws = [*mails(4), mail("twice"), mail("twice")]
    raws[5] = raws[4]
    with Pop3Server(raws, uidl=uidl) as server:
        credential = desk.credential("user", PASSWORD)
        desk.add_account(type="POP3", host="127.0.0.1", port=server.port, credential=credential)
        with monkeypatch.context() as patch:
            break_before_deleting(patch, Pop3Source)
            assert desk.fetch_one(code=1)["new"] == 6
        assert desk.fetch_one()["already_recorded"] == 6
        assert desk.titles() == expected(4) + Counter({"twice": 2})
        assert list(server.messages) == []


@EACH_PROTOCOL
def test_of_two_runs_at_once_one_works_and_the_other_says_who(
    desk: Desk, mailbox: TestMailbox, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox, kind)
    second: list[subprocess.CompletedProcess[bytes]] = []

    def fetch_meanwhile() -> None:
        environment = {**os.environ, **environ, "FLASK_APP": "postmaster"}
        command = [sys.executable, "-m", "flask", "fetch", "--json"]
        second.append(subprocess.run(command, env=environment, capture_output=True, check=False))

    with monkeypatch.context() as patch:
        between_list_and_read(patch, fetch_meanwhile)
        assert desk.fetch_one()["new"] == 3
    assert second[0].returncode == 3
    error = json.loads(second[0].stdout)["accounts"][0]["error"]
    assert error["code"] == "lease-held"
    assert f"process {os.getpid()}" in error["message"]
    assert desk.titles() == expected(3)


def test_a_run_that_lost_its_lease_stores_nothing_more(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox)

    def be_overtaken() -> None:
        from postmaster.database import transaction
        from postmaster.ledger.models import Mailbox

        with transaction() as session:
            for row in session.query(Mailbox):
                row.lease_token = "another run"

    with monkeypatch.context() as patch:
        between_list_and_read(patch, be_overtaken)
        row = desk.fetch_one(code=1)
    assert row["error"]["code"] == "lease-lost"
    assert desk.tickets() == []
    assert mailbox.count() == 3

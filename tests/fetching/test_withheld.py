"""What a server does not hand over stays there, is named, and is an incident after three runs."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from sqlalchemy import select, update

from postmaster.accounts.models import MailAccount
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.fetching.batches import MailboxWork
from postmaster.fetching.plausible import doubt
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.conditions import CONDITIONS
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, CutShort, ExpungeDoesNothing, ListingHangsUp
from tests.servers.quirks.mailbox import Mailbox
from tests.support import Desk, mail, mails

WORDS = b"Retrieval using the IMAP4 protocol failed for the following message: 42"
REGRETS = b'The server couldn\'t retrieve the following message:\r\n\r\nSubject: "Offer"\r\n'
EXCHANGE = b"From: Microsoft Exchange Server <x@example.net>\r\n"


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        pytest.param(b"", 0, id="empty, of no size"),
        pytest.param(b"\r\n", 900, id="a blank line"),
        pytest.param(b"Subject: x\r\n\r\ny", 4_800_000, id="cut short"),
        pytest.param(EXCHANGE + b"Subject: " + WORDS + b"\r\n\r\nSorry.\r\n", 120, id="Exchange's stand-in"),
        pytest.param(b"Subject: " + WORDS.replace(b"IMAP4", b"POP3") + b"\r\n\r\n" + REGRETS, 120, id="its POP3 twin"),
        pytest.param(EXCHANGE + b"Subject: Error\r\n\r\n" + WORDS, 120, id="in its text"),
    ],
)
def test_a_text_that_cannot_be_the_message_is_doubted(raw: bytes, size: int) -> None:
    assert doubt(raw, size)


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        pytest.param(mail("usual"), len(mail("usual")), id="usual"),
        pytest.param(mail("lines"), len(mail("lines")) * 4 // 3, id="another count of line ends"),
        pytest.param(mail("more"), 10, id="longer than announced"),
        pytest.param(mail("Re: " + WORDS.decode(), body=REGRETS.decode()), 200, id="an answer that quotes it"),
        pytest.param(mail("help", body="I get this: " + WORDS.decode()), 200, id="a question about it"),
        pytest.param(
            b"Received: by mx\r\n" + EXCHANGE + b"Subject: " + WORDS + b"\r\n\r\n" + REGRETS, 200, id="sent on"
        ),
    ],
)
def test_mail_of_people_is_taken(raw: bytes, size: int) -> None:
    assert not doubt(raw, size)


def test_withheld_mail_is_named_and_becomes_an_incident_until_it_comes(app: Flask, desk: Desk) -> None:
    mailbox = Mailbox(*mails(2), mail("culprit", body=CULPRIT.decode(), size=600))
    condition = next(each for each in CONDITIONS if each.name == "withheld")

    def troubles() -> list[str]:
        with app.app_context(), read_session() as session:
            return [trouble.sentence for trouble in condition.find(session, now()) or ()]

    with QuirkyImapServer(mailbox, [CutShort]) as server:
        account = desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        for run in range(3):
            assert bool(troubles()) == (run > 2)
            row = desk.fetch_one()
            assert row["left_reasons"] == {"withheld": 1}
            assert "UID 4" in row["notes"][0]
            assert "only 100 of its" in row["notes"][0]
        assert "1 message is left on the server" in troubles()[0]
        server.quirks = ()
        desk.fetch("--account", account)
    assert troubles() == []
    assert not mailbox.messages


def test_mail_that_the_server_only_says_it_deleted_is_deleted_again_and_not_recorded_again(desk: Desk) -> None:
    mailbox = Mailbox(*mails(3))
    with QuirkyImapServer(mailbox) as server:
        desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        copies = [dataclasses.replace(message, flags=set()) for message in mailbox.messages]
        assert desk.fetch_one()["new"] == 3
        mailbox.messages = copies  # a restored folder: the same UIDs, the same bytes
        row = desk.fetch_one()
        assert (row["new"], row["already_recorded"]) == (0, 3)
        assert not mailbox.messages
        mailbox.deliver(copies[0].raw)  # really sent twice
        assert desk.fetch_one()["new"] == 1


def test_twins_that_are_listed_again_are_both_deleted_again(desk: Desk) -> None:
    twin = mail("sent twice")
    mailbox = Mailbox(twin, twin)
    with QuirkyImapServer(mailbox) as server:
        desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        copies = [dataclasses.replace(message, flags=set()) for message in mailbox.messages]
        assert desk.fetch_one()["new"] == 2
        mailbox.messages = copies
        row = desk.fetch_one()
        assert (row["new"], row["already_recorded"]) == (0, 2)
    assert not mailbox.messages


def test_the_same_mailbox_by_another_host_name_makes_no_ticket_twice(app: Flask, desk: Desk) -> None:
    mailbox = Mailbox(*mails(3))
    with QuirkyImapServer(mailbox, [ExpungeDoesNothing]) as server:
        account = desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        assert desk.fetch_one()["new"] == 3
        with app.app_context(), transaction() as session:
            session.execute(update(MailAccount).where(MailAccount.id == int(account)).values(host="localhost"))
        server.quirks = ()
        for message in mailbox.messages:
            message.flags.clear()
        row = desk.fetch_one()
        assert (row["new"], row["already_recorded"]) == (0, 3)
    assert not mailbox.messages


def test_nothing_is_deleted_that_is_not_recorded_with_the_bytes_that_were_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox(*mails(3))
    with QuirkyImapServer(mailbox) as server:
        desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        collect = MailboxWork._collect

        def forgetful(work: MailboxWork) -> list[object]:
            done = collect(work)
            work._undeleted.clear()
            return list(done)

        monkeypatch.setattr(MailboxWork, "_collect", forgetful)
        assert desk.fetch_one(code=1)["error"]["code"] == "unexpected"
    assert len(mailbox.messages) == 3


@pytest.mark.parametrize("places", [(9, 20), (9, 10), (2, 29), (3, 14, 25)])
def test_several_messages_that_break_the_listing_keep_no_other_from_coming(desk: Desk, places: tuple[int, ...]) -> None:
    culprits = [mail(f"culprit {place}", body=CULPRIT.decode(), size=600) for place in places]
    usual = mails(30 - len(places))
    for place, culprit in zip(places, culprits, strict=True):
        usual.insert(place, culprit)
    mailbox = Mailbox(*usual)
    with QuirkyImapServer(mailbox, [ListingHangsUp]) as server:
        desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        row = desk.fetch_one()
    assert (row["new"], row["left_reasons"]) == (30 - len(places), {"withheld": len(places)})
    assert [message.raw for message in mailbox.messages] == culprits


def test_an_account_that_is_deleted_during_its_run_ends_it_in_order(app: Flask, desk: Desk) -> None:
    mailbox = Mailbox(*mails(2), mail("culprit", body=CULPRIT.decode(), size=600))
    with QuirkyImapServer(mailbox, [CutShort]) as server:
        account = desk.add_account(
            type="IMAP", host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        with pytest.MonkeyPatch.context() as patch:
            collect = MailboxWork._collect

            def collecting(work: MailboxWork) -> object:
                with transaction() as session:
                    if row := session.get(MailAccount, int(account)):
                        session.delete(row)
                return collect(work)

            patch.setattr(MailboxWork, "_collect", collecting)
            row = desk.fetch_one()
    assert (row["new"], row["error"]) == (2, None)
    with app.app_context(), read_session() as session:
        assert session.scalars(select(FetchRun.status)).all() == [RunStatus.OK]

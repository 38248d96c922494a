"""The worker, as an operator runs it, on real servers."""

from __future__ import annotations

from tests.jobs.conftest import Start, wait_for_tickets
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, expected, mails


def test_mail_becomes_tickets_by_itself(desk: Desk, mailbox: TestMailbox, start_worker: Start) -> None:
    mailbox.deliver(*mails(30))
    desk.account(mailbox)
    worker = start_worker()
    wait_for_tickets(desk, 30)
    assert desk.titles() == expected(30)
    assert worker.stop() == 0, worker.log
    assert mailbox.count() == 0

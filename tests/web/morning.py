"""A desk as a lead finds it in the morning: accounts, a week of mail by the hour, outages, tickets old and new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import insert, update

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import prepare_database, transaction
from postmaster.desk.models import Ticket
from postmaster.extensions import now
from postmaster.ledger.flow_models import Outage, QueueHour, WaitingHour
from postmaster.ledger.hourly_counts import hour_of
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from tests.web.test_accounts import add_rows

# Hours of mail that there are.
HOURS = 8 * 24

TICKET = {"queue_id": 1, "priority": "3 normal", "type": "Unclassified", "lock": "unlock", "sender_name": "Ada"}
STATES = ("new", "open", "pending reminder", "closed successful")


def add_morning(app: Flask, accounts: int, failing: int) -> None:
    """Fill the desk: of ``accounts``, the first ``failing`` do not deliver mail."""
    with app.app_context():
        prepare_database()
    add_rows(app, 1, accounts + 1)
    moment = now()
    with app.app_context(), transaction() as session:
        session.execute(update(MailAccount).values(created_at=moment - timedelta(days=60)))
        session.execute(update(AccountState).values(failures=0, last_run_at=moment, last_success_at=moment))
        ill = AccountState.account_id <= failing
        since = moment - timedelta(hours=2)
        session.execute(update(AccountState).where(ill).values(failures=5, failing_since=since, last_success_at=since))
        ago = [timedelta(hours=9), timedelta(days=12)]
        session.execute(
            insert(Outage),
            [
                {"account_id": number, "began_at": moment - past, "ended_at": moment - past * 0.9}
                | {"failed": past == ago[0]}
                for number in range(1, accounts + 1, 3)
                for past in ago
            ],
        )
        session.execute(insert(QueueHour), list(hours_of_mail(moment)))
        waits = [{"hour": hour_of(moment), "seconds": bound, "mails": mails} for bound, mails in ((240, 90), (600, 10))]
        session.execute(insert(WaitingHour), waits)
        session.execute(insert(Ticket), list(tickets(moment)))
    beat_all(app)


def beat_all(app: Flask) -> None:
    """Have all processes of the product live, for as long as that is believed without another sign."""
    with app.app_context(), transaction() as session:
        for pid, role in enumerate(ProcessRole):
            beat(session, Presence(role, "host", pid))


def hours_of_mail(moment: datetime) -> Iterator[dict[str, object]]:
    """More by day than by night, and each hour another number."""
    for ago in range(HOURS):
        hour = hour_of(moment) - timedelta(hours=ago)
        for queue in (1, 2):
            mails = (3 + ago * 7 % 5) * queue * (4 if 7 <= hour.hour < 18 else 1)
            yield {"hour": hour, "queue_id": queue, "mails": mails}


def tickets(moment: datetime) -> Iterator[dict[str, object]]:
    """Three tickets of each state, some days old."""
    for place, state in enumerate(state for state in STATES for _ in range(3)):
        opened = moment - timedelta(days=20 - place)
        own = {"number": f"20261101{place:05}", "title": f"Case {place}", "sender_address": f"ada{place}@example.net"}
        yield {**TICKET, **own, "state": state, "dynamic_fields": {}, "created_at": opened, "changed_at": opened}

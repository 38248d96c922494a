"""One of everything that pages show, with hostile words wherever somebody else chooses them."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import prepare_database, read_session, transaction
from postmaster.desk.models import RawMail, Ticket
from postmaster.desk.rawmail import pack
from postmaster.extensions import now
from postmaster.ledger.models import Deletion, InboundMail, Quarantine
from postmaster.operations.models import Incident
from postmaster.operations.wall import create_wall_link, wall_token
from postmaster.outbox.models import Event, EventType
from postmaster.outlets.models import Delivery, DeliveryState
from postmaster.pipeline.outcome import Outcome
from postmaster.system.models import PasswordReset, User
from postmaster.system.sessions import hash_of
from postmaster.web.articles import sign
from tests.support import Desk

# It would run if it were ever taken for HTML. Pages may show it, but only as text.
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'>{{7*7}}"
LONG = "without-any-place-to-break-" * 8

# A picture of one dot.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

HTML = f"""<p>Please see <a href="https://shop.example">the shop</a>.<script>alert(3)</script>
<img src="https://tracker.example/pixel.png" alt="Logo"><img src="cid:logo@example.net" onerror="alert(4)">
<style>body {{ display: none }}</style></p><p>{LONG}</p>"""

MAIL = f"""From: "{HOSTILE.replace('"', "")}" <ada@example.net>
To: orders@example.org
Subject: {HOSTILE}
Message-ID: <sample@example.net>
Date: Mon, 23 Nov 2026 09:12:00 +0100
X-Strange: {HOSTILE}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html; charset=utf-8

{HTML}
--b
Content-Type: text/html; name="<script>alert(5)</script>.html"
Content-Disposition: attachment; filename="<script>alert(5)</script>.html"

<script>alert(document.domain)</script>
--b
Content-Type: image/png
Content-ID: <logo@example.net>
Content-Disposition: inline; filename="logo.png"
Content-Transfer-Encoding: base64

{PIXEL}
--b--
"""

# The value of each argument of a route, where it is not the id of the first of its kind.
TICKET = "2000010100001"
ARGUMENTS: dict[str, Callable[[], str]] = {
    "name": lambda: "PostmasterDefaultQueue",
    "ticket": lambda: TICKET,
    "topic": lambda: "errors",
    "token": lambda: sign(IMAGE),
    "kind": lambda: "test",
    "what": lambda: "condition",
    "key": lambda: "0" * 32,
    "field": lambda: "folder",
    "secret": lambda: "sample",
    "press": lambda: "delete",
    "batch": lambda: "0" * 16,
    "link": lambda: wall_link() or "none",
}

# The ids of the first mail's attachments.
FILE, IMAGE = 1, 2


def wall_link() -> str | None:
    """What the link to the wall view ends in."""
    prepare_database()
    with read_session() as session:
        return wall_token(session)


def sample_of(argument: str) -> str:
    """A value for ``argument`` of a route, under which ``populate`` has put something. Within a request of the app."""
    return ARGUMENTS.get(argument, lambda: "1")()


def populate(desk: Desk, app: Flask) -> None:
    """Add one of everything; the first of each kind has the id 1."""
    credential = ("--kind", "basic", "--name", HOSTILE, "--username", "orders", "--comment", HOSTILE)
    desk.ok("credential", "add", *credential, "--password-stdin", input="a secret password\n")
    desk.credential("support@example.org", "another secret")
    directory = io.StringIO()
    csv.writer(directory).writerows([("address", "login", "number"), ("ada@example.net", HOSTILE, HOSTILE)])
    desk.ok("customer", "import", input=directory.getvalue())
    desk.ok("address", "add", "--address", "support@example.org", "--name", "Support", "--queue", "Raw")
    desk.ok("queue", "add", "--name", f"Sales::{HOSTILE}", "--comment", LONG)
    address = ("--address", "orders@example.org", "--name", HOSTILE, "--queue", "Misc", "--comment", HOSTILE)
    desk.ok("address", "add", *address)
    desk.add_account(
        type="IMAPS", host="imap.example.org", credential=HOSTILE, folder="INBOX", dispatching="to", comment=HOSTILE
    )
    desk.add_account(type="Outlook365", address="desk@example.org", dispatching="queue", queue="Misc", comment=LONG)
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to", validity="invalid")
    words = ("--match", f"Subject={LONG}", "--not-match", "Body=(a+)+$", "--set", f"X-OTRS-Title={HOSTILE}")
    desk.ok("filter", "add", "--name", HOSTILE, "--comment", LONG, "--account", "1", *words)
    desk.ok("read", input=MAIL)
    desk.ok("read", "--queue", "Junk", input=MAIL.replace("sample@", "other@"))
    desk.ok("token", "add", "--name", HOSTILE, "--scope", "read", "--queue", "Junk")
    told = ("--conditions", "worker", "--quiet-hours", "22:00-06:00", "--comment", HOSTILE)
    desk.ok("alert", "target", "add", "--name", HOSTILE[:60], "--address-stdin", *told, input="json://127.0.0.1:9")
    number_sample(app)
    fail(app)
    quarantine(app, MAIL.encode())
    hand_over(desk, app)
    with app.app_context(), transaction() as session:
        create_wall_link(session, HOSTILE)
        user = session.scalars(select(User).order_by(User.id)).first()
        if user is not None:  # whoever the pages are opened by
            tomorrow = now() + timedelta(days=1)
            session.add(PasswordReset(user_id=user.id, token_hash=hash_of("sample"), expires_at=tomorrow))
        session.add(
            Incident(
                condition="quarantine",
                subject="",
                sentence=HOSTILE,
                path="/quarantine",
                opened_at=now(),
                acknowledged_at=now(),
                acknowledged_by=HOSTILE,
                note=HOSTILE,
            )
        )


def hand_over(desk: Desk, app: Flask) -> None:
    """Add an outlet, and an event of the first ticket that was handed over, answered in hostile words."""
    url = "https://receiver.example/hooks?" + LONG
    desk.ok("outlet", "add", "--name", HOSTILE, "--url", url, "--queues", "Misc", "--comment", HOSTILE)
    moment = now()
    with app.app_context(), transaction() as session:
        event = Event(key="evt_sample", type=EventType.TICKET_CREATED, created_at=moment, ticket_id=1, queue_id=1)
        session.add(event)
        session.flush()
        session.add(
            Delivery(
                outlet_id=1,
                event_id=event.id,
                event_key=event.key,
                event_type=event.type,
                event_at=moment,
                ticket_id=1,
                order_key="ticket 1",
                state=DeliveryState.DELIVERED,
                attempts=2,
                next_at=moment,
                delivered_at=moment,
                status=200,
                answer=HOSTILE,
                remote_number=HOSTILE,
                remote_url="https://receiver.example/tickets/1",
            )
        )


def fail(app: Flask) -> None:
    """Make the first account fail, with hostile words of its server."""
    with app.app_context(), transaction() as session:
        words = dict.fromkeys(("error_message", "error_advice", "error_server"), HOSTILE)
        session.get_one(MailAccount, 1).state = AccountState(failures=2, error_code="x", error_stage="login", **words)


def number_sample(app: Flask, ticket_id: int = 1) -> None:
    """Give that ticket the number ``TICKET``; the others have the day of the test in theirs."""
    with app.app_context(), transaction() as session:
        session.execute(update(Ticket).where(Ticket.id == ticket_id).values(number=TICKET))


def quarantine(app: Flask, raw: bytes, account_id: int | None = 1, subject: str = HOSTILE) -> None:
    """Put a message into quarantine, as a fetch of that account does with what cannot be read."""
    add_quarantined(app, [subject], raw, account_id)


def add_quarantined(
    app: Flask,
    subjects: Sequence[str],
    raw: bytes = b"Subject: hello",
    account_id: int | None = None,
    error: str = f"ValueError: {HOSTILE}",
) -> None:
    """Put messages with these subjects into quarantine, as what made the reader say ``error``."""
    _, encoding, data = pack(raw)
    moment = now()
    with app.app_context(), transaction() as session:
        for subject in subjects:
            stored = RawMail(size=len(raw), encoding=encoding, data=data)
            inbound = InboundMail(
                identity=f"imap:1:{moment.timestamp()}",
                sha256=hashlib.sha256(raw).digest(),
                size=len(raw),
                outcome=Outcome.QUARANTINED,
                reason="unreadable",
                trace=[{"stage": "parse", "text": f"Could not be read: {HOSTILE}"}],
                recorded_at=moment,
                deletion=Deletion.NONE,
            )
            session.add_all((stored, inbound))
            session.flush()
            session.add(
                Quarantine(
                    inbound_id=inbound.id,
                    account_id=account_id,
                    raw_id=stored.id,
                    label="orders@imap.example.org",
                    reason="unreadable",
                    error=error,
                    sender="ada@example.net",
                    subject=subject,
                    size=len(raw),
                    created_at=moment,
                )
            )

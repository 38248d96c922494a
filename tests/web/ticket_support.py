"""Shorthands for the tests of tickets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask
from sqlalchemy import insert, select

from postmaster.database import transaction
from postmaster.desk.models import Queue, Ticket
from tests.support import Desk, mail

FIRST = 2026010100000


def opened(desk: Desk, *options: str, raw: bytes | str | None = None, **mail_options: Any) -> str:
    """Open a ticket through the pipe; returns its number."""
    subject = mail_options.pop("subject", "hello")
    number = desk.ok("read", "--json", *options, input=raw or mail(subject, **mail_options)).json["ticket"]
    assert isinstance(number, str)
    return number


def add_tickets(app: Flask, *tickets: dict[str, Any], count: int = 0) -> None:
    """Tickets as given, and ``count`` more. Their numbers follow each other."""
    moment = datetime(2026, 11, 23, 9, 12, tzinfo=UTC)
    usual = {"state": "new", "priority": "3 normal", "type": "Unclassified", "lock": "unlock", "sender_name": "Ada"}
    with app.app_context(), transaction() as session:
        queues = {queue.name: queue.id for queue in session.scalars(select(Queue))}
        wanted = [dict(ticket) for ticket in tickets] + [{} for _ in range(count)]
        number = FIRST + (session.scalar(select(Ticket.id).order_by(Ticket.id.desc()).limit(1)) or 0)
        rows = [
            {
                **usual,
                "number": str(number + place),
                "title": f"ticket {number + place - FIRST}",
                "queue_id": queues[ticket.pop("queue", "Raw")],
                "sender_address": "ada@example.net",
                "created_at": moment,
                "changed_at": moment,
                **ticket,
            }
            for place, ticket in enumerate(wanted, start=1)
        ]
        session.execute(insert(Ticket), rows)

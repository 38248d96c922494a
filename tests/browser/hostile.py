"""Rows as bad as fields allow: each text as long as it may be and without a place to break, each state, many rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import AccountState, Credential, CredentialToken, Dispatching, MailAccount
from postmaster.database import prepare_database, transaction
from postmaster.desk.models import Article, Queue, RawMail, SystemAddress, Ticket
from postmaster.desk.rawmail import pack
from postmaster.extensions import now
from postmaster.ledger.models import Deletion, FetchRun, InboundMail, Quarantine, RunStatus
from postmaster.operations.models import Incident
from postmaster.pipeline.decision import STORM
from postmaster.pipeline.filters.models import FilterState, PostmasterFilter
from postmaster.pipeline.outcome import Outcome
from postmaster.resources.models import AuditEvent, Validity
from postmaster.system.models import ApiToken, Scope, SettingRow
from postmaster.web.badges import OUTCOME_BADGES

# Large enough for every column of figures.
MANY = 1_234_567

# More than a page holds of each kind of mail.
ROWS = 30

TICKET = "2026112300012"


def word(length: int, of: str = "W") -> str:
    """A word of that length that breaks nowhere by itself."""
    return (of * length)[:length]


TROUBLE = {
    "error_code": "login-refused",
    "error_stage": "permission",
    "error_message": "The server refused the password.",
    "error_advice": f"Update the credential “{word(200, 'Credential')}”.",
    "error_server": word(1000, "NO[AUTHENTICATIONFAILED]"),
}


def add_hostile_rows(app: Flask) -> None:
    """Fill each table of the pages; the first of each kind has the id 1."""
    with app.app_context():
        prepare_database()
        with transaction() as session:
            for things in (_queues(), _credentials(), _accounts(), _rest()):
                session.add_all(things)
                session.flush()
            _add_mails(session)


def _queues() -> Iterator[Any]:
    for validity in (Validity.VALID, Validity.INVALID_TEMPORARILY, Validity.INVALID):
        yield Queue(name=word(198, "Queue") + str(len(validity)), validity=validity, comment=word(2000))


def _credentials() -> Iterator[Credential]:
    common = {"username": word(320, "user"), "comment": word(2000)}
    yield Credential(name=word(200, "Basic"), kind=CredentialKind.BASIC, sealed_password="x", **common)
    yield Credential(name=word(200, "Secretless"), kind=CredentialKind.BASIC, **common)
    for number, problem in enumerate((None, "consent")):
        yield Credential(
            name=word(199, "Provider") + str(number),
            kind=CredentialKind.MICROSOFT,
            grant=Grant.AUTHORIZATION_CODE,
            tenant=word(200),
            client_id=word(400),
            secret_expires=now().date() + timedelta(days=number),
            token=CredentialToken(
                authorised_at=now(), problem=problem, message=word(300), advice=word(300), server=word(300)
            ),
            **common,
        )


def _accounts() -> Iterator[MailAccount]:
    """One in each state in which an account can be."""
    revision = "1/1.1"
    states: dict[str, dict[str, Any]] = {
        "failing": {"failures": 3, "failing_since": now(), "last_success_at": now(), **TROUBLE},
        "paused": {"paused_revision": revision, "failures": 1, **TROUBLE},
        "held": {"held_revision": revision, "held_count": MANY},
        "healthy": {"last_success_at": now(), "next_run_at": now() + timedelta(minutes=50), "backlog": MANY},
        "queued": {"last_success_at": now(), "claim": "c", "claimed_at": now()},
        "running": {"last_success_at": now()},
        "never": {},
        "invalid": {},
    }
    for name, state in states.items():
        yield _account(name, 1, AccountState(**state))
    yield _account("unauthorised", 4)
    yield _account("secretless", 2)
    yield _account("alone", None)
    for number in range(4):
        yield _account(f"healthy{number}", 1, AccountState(last_success_at=now()))


def _account(name: str, credential: int | None, state: AccountState | None = None) -> MailAccount:
    return MailAccount(
        type="IMAPTLS",
        credential_id=credential,
        host=word(255 - len(name), "host-without-dots") + name,
        folder=word(1000, "Folder"),
        ssl_fingerprint=f"sha256${word(64, '9f')}",
        dispatching=Dispatching.QUEUE,
        queue_id=1,
        validity=Validity.INVALID_TEMPORARILY if name == "invalid" else Validity.VALID,
        comment=word(2000),
        state=state,
    )


def _rest() -> Iterator[Any]:
    for number in (1, 2):
        yield SystemAddress(
            address=word(300, "local") + f"{number}@{word(15)}", name=word(200), queue_id=number, comment=word(2000)
        )
        yield PostmasterFilter(
            name=word(199, "Filter") + str(number),
            stop=True,
            match=[f"Subject={word(2000)}"] * 3,
            not_match=[f"{word(100, 'X-Header')}=x"],
            sets=[f"X-OTRS-Queue={word(200)}"] * 3,
            all_accounts=False,
            comment=word(2000),
            state=FilterState(slow_count=MANY, last_slow_at=now()),
        )
    yield ApiToken(
        name=word(100, "Token"), hash="0" * 64, scopes=list(Scope), queue_ids=[1, 2, 9], created_by=word(200, "actor")
    )
    yield SettingRow(name="PostmasterDefaultQueue", value=word(198, "Queue") + "5")
    yield SettingRow(
        name="Ticket::Services", value="; ".join(word(98, "Service") + str(number) for number in range(10, 30))
    )
    yield from _runs()
    yield Incident(condition="account-failing", subject="1", sentence=word(500), path="/accounts/1", opened_at=now())
    change = {name: [word(1000, "before"), word(1000, "after")] for name in ("host", "comment")}
    for action in ("added", "changed", "deleted"):
        yield AuditEvent(actor=word(200, "actor"), action=action, noun="account", label=word(500), detail=change)


def _runs() -> Iterator[FetchRun]:
    counters = ("expected", "found", "new", "follow_up", "ignored", "rejected")
    more = ("quarantined", "already_recorded", "gone", "left")
    for status in RunStatus:
        yield FetchRun(
            account_id=6 if status is RunStatus.RUNNING else 1,
            label=word(1576, "label"),
            started_by=word(100, "admin"),
            started_at=now() - timedelta(days=200),
            finished_at=None if status is RunStatus.RUNNING else now(),
            updated_at=now(),
            status=status,
            left_reasons={"not-reached": MANY, "too-large": MANY},
            error={key.removeprefix("error_"): text for key, text in TROUBLE.items()}
            if status is RunStatus.FAILED
            else None,
            **dict.fromkeys((*counters, *more), MANY),
        )


def _add_mails(session: Session) -> None:
    """Tickets, the ledger and the quarantine, with more rows than a page has room for."""
    raw = b"Subject: " + word(900).encode()
    _, encoding, data = pack(raw)
    for number in range(ROWS):
        stored = RawMail(size=MANY, encoding=encoding, data=data)
        ticket = _ticket(str(int(TICKET) + number))
        session.add_all((stored, ticket))
        session.flush()
        header = {"from": {"name": word(200), "address": word(320)}, "subject": word(1000)}
        session.add(Article(ticket_id=ticket.id, raw_id=stored.id, header=header, text=word(3000)))
        session.add(_inbound(number, None, ticket.id))
        waiting = _inbound(number, Outcome.QUARANTINED)
        session.add(waiting)
        session.flush()
        session.add(_quarantined(waiting.id, stored.id, STORM if number % 2 else "unreadable"))


def _ticket(number: str) -> Ticket:
    return Ticket(
        number=number,
        title=word(1000),
        queue_id=1,
        sender_name=word(200),
        sender_address=word(320),
        state=word(100),
        priority=word(100),
        type=word(100),
        lock="unlock",
    )


def _inbound(number: int, outcome: Outcome | None, ticket: int | None = None) -> InboundMail:
    every = list(OUTCOME_BADGES)
    return InboundMail(
        label=word(1576, "label"),
        sender=word(1000, "sender"),
        sender_name=word(1000),
        recipients=[word(320, "recipient")] * 50,
        subject=word(1000),
        message_id=word(990, "id"),
        identity=f"imap:1:{number}",
        sha256=hashlib.sha256(bytes([number])).digest(),
        size=MANY,
        outcome=outcome or every[number % len(every)],
        reason="unreadable",
        trace=[{"stage": "parse", "text": word(1000)}],
        ticket_id=ticket,
        recorded_at=now() - timedelta(days=200),
        deletion=Deletion.NONE,
    )


def _quarantined(inbound: int, raw: int, reason: str) -> Quarantine:
    return Quarantine(
        inbound_id=inbound,
        account_id=1,
        raw_id=raw,
        label=word(1576, "label"),
        reason=reason,
        error=word(1000, "error"),
        sender=word(1000, "sender"),
        subject=word(1000),
        size=MANY,
        created_at=now() - timedelta(days=200),
    )

"""What SQL computes of an account is what its properties compute."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import time_machine
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from postmaster.accounts.columns import health_column, label_column
from postmaster.accounts.credential_health import CredentialHealth, credential_health, credential_health_column
from postmaster.accounts.health import WORST_FIRST, Health, account_health
from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import AccountState, Credential, CredentialToken, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.database import read_session, transaction
from postmaster.desk.models import Queue
from postmaster.extensions import now
from postmaster.fetching.overview import count_healths
from postmaster.resources.models import Validity


def credentials() -> Iterator[Credential]:
    """Credentials of every kind."""
    for number, name in enumerate(("ada", "ada@login.example", "a@b@c", "@")):
        yield Credential(name=f"c{number}", username=name, sealed_password=seal("secret"))
    yield Credential(name="locked", username="x", sealed_password="of another key")
    yield Credential(name="without-password", username="x", sealed_password="")
    yield Credential(name="resting", username="x", sealed_password=seal("secret"), validity=Validity.INVALID)
    yield from oauth_credentials()


def oauth_credentials() -> Iterator[Credential]:
    """Of each kind and grant: without tokens, with good ones, and with a problem; with secrets that end some day."""
    locked = {"authorised_at": now(), "sealed_refresh": "of another key"}
    tokens = (None, locked, {"authorised_at": now()}, {"problem": "x"}, {"authorised_at": now(), "problem": "x"})
    secrets = itertools.product(("", seal("secret"), "of another key"), (None, *map(timedelta, (-1, 0, 30, 31))))
    kinds = ((CredentialKind.GOOGLE, None), *((CredentialKind.MICROSOFT, grant) for grant in Grant))
    for number, ((kind, grant), token, (secret, ahead)) in enumerate(itertools.product(kinds, tokens, secrets)):
        yield Credential(
            name=f"o{number}",
            username="x@y",
            kind=kind,
            grant=grant,
            sealed_client_secret=secret,
            secret_expires=now().date() + ahead if ahead is not None else None,
            token=CredentialToken(**token) if token else None,
        )


def accounts(known: list[Credential], queue: Queue) -> Iterator[MailAccount]:
    """Accounts of every kind that the columns tell apart; ``queue`` is not valid."""
    folders = (None, "", "inbox", "Ä/B")
    for credential, folder in itertools.product([None, *known[:20]], folders):
        yield MailAccount(type="IMAP", host="mail.example.com", credential=credential, folder=folder)
    for _ in range(15):
        yield MailAccount(type="IMAP", host="h", credential=known[0], queue_id=queue.id)
    yield MailAccount(type="IMAP", host=None)
    yield MailAccount(type="IMAP", host=None, credential=known[0])
    yield MailAccount(type="Outlook365", address="desk@example.com", credential=known[1], folder="Ä")
    yield MailAccount(type="Outlook365", address="desk@example.com")
    for validity in Validity:
        yield MailAccount(type="IMAP", host="h", credential=known[0], validity=validity)
    for credential in known[20:]:
        yield MailAccount(type="IMAP", host="h", credential=credential)


def states(account: MailAccount) -> Iterator[AccountState | None]:
    """States of every kind."""
    yield None
    yield AccountState(held_revision=account.config_revision, failures=0)
    yield AccountState(held_revision="9/9.9", failures=1)
    yield AccountState(paused_at=now(), paused_revision=account.config_revision, failures=1)
    for paused, failures, success in itertools.product((None, "9/9.9", account.config_revision), (0, 2), (None, now())):
        yield AccountState(paused_revision=paused, failures=failures, last_success_at=success)


def test_a_credential_stands_the_same_in_sql(app: Flask) -> None:
    with app.app_context():
        with transaction() as session:
            session.add_all(credentials())
        today, seen = now(), set()
        for days in (0, 29, 31, 62):
            with time_machine.travel(today + timedelta(days=days), tick=False), read_session() as session:
                rows = session.execute(select(Credential, credential_health_column())).all()
                assert [word for _, word in rows] == [credential_health(credential) for credential, _ in rows]
                seen |= {word for _, word in rows}
        assert seen == set(CredentialHealth)


def test_label_and_health_are_the_same_in_sql(app: Flask) -> None:
    with app.app_context():
        with transaction() as session:
            known = list(credentials())
            queue = Queue(name="Gone", validity=Validity.INVALID)
            session.add_all([*known, queue])
            session.flush()
            for account in accounts(known, queue):
                session.add(account)
                session.flush()
                account.state = next(itertools.islice(states(account), account.id % 16, None))
        ranks = {health: rank for rank, health in enumerate(WORST_FIRST)}
        query = (
            select(MailAccount, label_column(), health_column(), health_column(ranks))
            .outerjoin(MailAccount.credential)
            .outerjoin(MailAccount.state)
            .options(contains_eager(MailAccount.credential), contains_eager(MailAccount.state))
        )
        today = now()
        for days in (0, 29, 31, 62):  # a secret ends, and it is told of before, without anything being written
            with time_machine.travel(today + timedelta(days=days), tick=False), read_session() as session:
                rows = session.execute(query).all()
                told = [(label, health, rank) for _, label, health, rank in rows]
                healths = [account_health(account) for account, *_ in rows]
                assert told == [
                    (row[0].label, health, ranks[health]) for row, health in zip(rows, healths, strict=True)
                ]
                assert count_healths(session) == Counter(healths)
                assert set(healths) == set(Health)

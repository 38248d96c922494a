"""Two administrators at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.service import AccountService
from postmaster.database import read_session, transaction
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.service import ConflictError

ACCOUNT = {"type": "IMAPS", "host": "mail.example.com", "credential": "C"}


@pytest.fixture
def ready(app: Flask) -> Iterator[Flask]:
    """The app in its context, with one credential."""
    with app.app_context():
        with transaction() as session:
            CredentialService(session, "test").add({"name": "C", "username": "info", "password": "secret"})
        yield app


def test_of_two_who_add_an_account_for_one_mailbox_one_is_refused(ready: Flask) -> None:
    together = Barrier(2)

    def add() -> str:
        with ready.app_context():
            together.wait()
            try:
                with transaction() as session:
                    AccountService(session, "test").add(ACCOUNT)
            except InvalidFieldsError as error:
                return error.code
            return "added"

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(add) for _ in range(2)]]
    assert sorted(outcomes) == ["added", "mailbox-taken"]


def comment(text: str, revision: int) -> None:
    """Change the comment of the first account, having seen ``revision`` of it."""
    with transaction() as session:
        service = AccountService(session, "test")
        service.change(service.find("1"), {"comment": text}, revision)


@pytest.mark.usefixtures("ready")
def test_a_change_made_on_an_outdated_view_is_refused() -> None:
    with transaction() as session:
        account = AccountService(session, "test").add(ACCOUNT)
    seen = account.revision
    comment("First.", seen)
    with pytest.raises(ConflictError):
        comment("Second.", seen)
    with read_session() as session:
        assert AccountService(session, "test").find("1").comment == "First."


@pytest.mark.usefixtures("ready")
def test_labels_and_lists_are_the_same_on_both_databases() -> None:
    with transaction() as session:
        AccountService(session, "test").add(ACCOUNT | {"folder": "Orders", "dispatching": "queue", "queue": "junk"})
    with read_session() as session:
        service = AccountService(session, "test")
        assert service.find("INFO@mail.example.com/orders").id == 1
        assert [service.as_json(account)["queue"] for account in service.stream()] == ["Junk"]

"""How often the pages of accounts ask: what came of the first fetch of an account is not long in coming."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from postmaster.database import transaction
from postmaster.extensions import now
from postmaster.operations.models import LivingProcess, ProcessRole
from postmaster.web.pulse import QUICK, SLOW
from tests.servers.fixtures import TestMailbox
from tests.support import Desk
from tests.web.conftest import token_header
from tests.web.resource_support import add_credential, seconds_of
from tests.web.test_accounts import tell_state


def pages_of(client: FlaskClient, number: str) -> Iterator[str]:
    """The list and the page of the account, as they are opened and as they are renewed."""
    for path in ("/accounts", f"/accounts/{number}/status"):
        opened = client.get(path).text
        yield opened
        shown = re.findall(r'name="shown" value="([^"]+)"', opened)
        yield client.get(f"{path}/live", query_string={"shown": shown}).text


def paces(client: FlaskClient, number: str) -> set[int]:
    """The seconds between two beats of all pages that show the account."""
    return {seconds_of(page) for page in pages_of(client, number)}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("others", [0, 1])
def test_the_pulse_is_quick_until_the_first_fetch_ended(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox, others: int
) -> None:
    for _ in range(others):
        desk.add_account(type="IMAP", host="h.example")
    number = desk.account(mailbox)
    assert paces(client, number) == {QUICK}
    desk.fetch("--account", number)
    assert paces(client, number) == {SLOW}


@pytest.mark.usefixtures("alive")
def test_the_pulse_is_quick_while_an_account_is_queued(app: Flask, client: FlaskClient, account: str) -> None:
    tell_state(app, int(account), last_success_at=now())
    assert paces(client, account) == {SLOW}
    client.post(f"/accounts/{account}/fetch", headers=token_header(client))
    assert paces(client, account) == {QUICK}


@pytest.mark.usefixtures("alive")
def test_the_pulse_is_slow_while_mail_is_fetched_only_when_asked_for(
    app: Flask, client: FlaskClient, account: str
) -> None:
    with app.app_context(), transaction() as session:
        session.execute(delete(LivingProcess).where(LivingProcess.role == ProcessRole.SCHEDULER))
    assert paces(client, account) == {SLOW}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("lacking", [{}, {"credential": "ada", "validity": "invalid"}])
def test_the_pulse_is_slow_while_an_account_cannot_be_fetched(
    client: FlaskClient, desk: Desk, lacking: dict[str, str]
) -> None:
    add_credential(desk, "ada")
    assert paces(client, desk.add_account(type="IMAP", host="h.example", **lacking)) == {SLOW}


def test_the_pulse_is_slow_while_nobody_is_there_to_fetch(client: FlaskClient, account: str) -> None:
    assert paces(client, account) == {SLOW}


@pytest.mark.usefixtures("alive")
def test_the_pulse_of_a_list_without_accounts_is_slow(client: FlaskClient) -> None:
    assert seconds_of(client.get("/accounts").text) == SLOW

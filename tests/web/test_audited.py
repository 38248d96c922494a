"""The audit log says who signed in and out, who looked at servers, and who took mail away."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from postmaster.database import read_session
from postmaster.resources.models import AuditEvent
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.conftest import add, send, signed_in, token_of
from tests.web.samples import FILE, MAIL, populate
from tests.web.test_server_checks import children, ended, entered, start
from tests.web.ticket_support import opened

assert children  # the fixture

LOCAL = {"address": "127.0.0.1"}


def events(app: Flask, *actions: str) -> list[tuple[str, str, str, str, dict[str, Any]]]:
    """Actor, action, noun, label and detail of the events of these actions, in their order."""
    query = select(AuditEvent).where(AuditEvent.action.in_(actions)).order_by(AuditEvent.id)
    with app.app_context(), read_session() as session:
        return [(e.actor, e.action, e.noun, e.label, e.detail) for e in session.scalars(query)]


def test_signing_in_and_out_is_recorded(app: Flask, client: FlaskClient) -> None:
    client.post("/logout", data={"csrf_token": token_of(client.get("/password").text)})
    again = signed_in(app, "admin")
    again.post("/logout/everywhere", data={"csrf_token": token_of(again.get("/password").text)})
    assert events(app, "sign-in", "sign-out", "sign-out-everywhere") == [
        ("admin", "sign-in", "session", "admin", LOCAL),
        ("admin", "sign-out", "session", "admin", LOCAL),
        ("admin", "sign-in", "session", "admin", LOCAL),
        ("admin", "sign-out-everywhere", "session", "admin", LOCAL | {"sessions": 1}),
    ]


def test_signing_out_twice_is_recorded_once(app: Flask, client: FlaskClient) -> None:
    for _ in range(2):
        client.post("/logout", data={"csrf_token": token_of(client.get("/login").text)})
    assert len(events(app, "sign-out")) <= 1


@pytest.mark.parametrize("name", ["ada", "nobody", "a\x00\udc00da", "x" * 10_000])
def test_a_refused_sign_in_is_recorded_with_its_address_and_without_the_password(
    app: Flask, client: FlaskClient, name: str
) -> None:
    add(app, "ada")
    send(app.test_client(), "/login", user=name.encode(errors="replace").decode(), password="guessed-1234")
    [(actor, _, noun, label, detail)] = events(app, "refused-sign-in")
    assert (actor, noun, detail) == ("nobody", "session", LOCAL)
    assert label[:1] == name[:1]
    assert "guessed-1234" not in client.get("/audit").text


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("test", "test-connection"),
        ("certificate", "look-at-certificate"),
        ("folders", "list-folders"),
        ("preview", "preview"),
    ],
)
def test_who_looks_at_a_server_is_recorded_from_pages_and_commands_alike(
    app: Flask, client: FlaskClient, desk: Desk, mailbox: TestMailbox, kind: str, action: str
) -> None:
    mailbox.deliver(mail("kept"))
    account = desk.account(mailbox, "IMAPS")
    name = desk.ok("credential", "list", "--json").json_lines[0]["name"]
    ended(client, start(client, kind, **entered(mailbox, credential=name, dispatching="to")))
    desk.ok("account", kind, account)
    rows = events(app, action)
    assert [row[0].partition(" (")[0] for row in rows] == ["admin", "command line"]
    port = mailbox.server.port("imaps")
    assert {row[2:4] for row in rows} == {("account", f"{mailbox.user.partition('@')[0]}@127.0.0.1")}
    assert [row[4] for row in rows] == [{"server": f"127.0.0.1:{port}", "type": "IMAPS", "credential": name}] * 2
    assert mailbox.password not in str(rows)


def test_a_look_that_fails_is_recorded_too(app: Flask, desk: Desk) -> None:
    name = desk.credential("ada", "secret-password")
    account = desk.add_account(type="IMAP", host="127.0.0.1", port=1, credential=name)
    assert desk.run("account", "test", account).exit_code == 1
    assert [row[3] for row in events(app, "test-connection")] == ["ada@127.0.0.1"]


def test_who_takes_mail_away_is_recorded(app: Flask, desk: Desk, lead: FlaskClient) -> None:
    opened(desk, raw=MAIL)
    for path in (f"attachments/{FILE}", "1/source", "1/source/download"):
        assert lead.get(f"/articles/{path}").status_code == 200
    rows = events(app, "download-attachment", "look-at-source", "download-source")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("lead", "download-attachment", "article"),
        ("lead", "look-at-source", "article"),
        ("lead", "download-source", "article"),
    ]
    assert rows[0][3].startswith("1: ")


def test_who_takes_mail_out_of_quarantine_is_recorded(app: Flask, desk: Desk, client: FlaskClient) -> None:
    populate(desk, app)
    assert client.get("/quarantine/1").status_code == 200
    assert client.get("/quarantine/1/download").status_code == 200
    desk.ok("quarantine", "show", "1", "--raw")
    rows = events(app, "look-at-source", "download-source")
    assert [(row[0].partition(" (")[0], row[1], row[3]) for row in rows] == [
        ("admin", "look-at-source", "1"),
        ("admin", "download-source", "1"),
        ("command line", "download-source", "1"),
    ]


def test_what_could_not_be_taken_is_not_recorded(app: Flask, client: FlaskClient) -> None:
    assert client.get("/articles/9/source/download").status_code == 404
    assert events(app, "download-source") == []

"""``flask outlet``: outlets are added, changed, looked at and handed round as other resources are."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from postmaster.database import read_session
from postmaster.outlets.models import Outlet
from postmaster.resources.models import AuditEvent
from tests.outlets.conftest import SECRET, Outlets
from tests.servers.receiver import EventReceiver, Reply
from tests.support import Desk

URL = "https://desk.example.com/hooks"


def add(desk: Desk, *words: str, secret: str = SECRET) -> str:
    """Add an outlet; returns its id."""
    return desk.ok(
        "outlet", "add", "--name", "desk", "--url", URL, "--secret-stdin", *words, input=secret
    ).stdout.strip()


def test_a_secret_is_made_if_none_is_given_and_shown_once(outlets: Outlets) -> None:
    result = outlets.desk.ok("outlet", "add", "--name", "desk", "--url", URL)
    secret = next(word for word in result.stderr.split() if word.startswith("whsec_"))
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    Webhook(secret)
    for command in ("list", "show desk", "export", "list --json", "show desk --json"):
        assert secret not in outlets.desk.ok("outlet", *command.split()).stdout
    with outlets.app.app_context(), read_session() as session:
        outlet = session.scalars(select(Outlet)).unique().one()
        assert secret not in outlet.sealed_secret
        assert outlet.sealed_secret
        assert not any(secret in json.dumps(event.detail) for event in session.scalars(select(AuditEvent)))
    again = outlets.desk.ok("outlet", "set", "desk", "--secret-stdin", input="new").stderr
    assert "whsec_" in again
    assert secret not in again


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--url", "ftp://desk.example.com", "must be an address that begins with https://"),
        ("--url", "https://", "must be an address"),
        ("--url", "https://ada:secret@desk.example.com/", "user name or password"),
        ("--url", "https://desk.example.com/#top", "fragment"),
        ("--url", "https://desk.example.com:99999/", "cannot be read"),
        ("--url", "https://dësk.example.com/", "%XX"),
        ("--events", "ticket.exploded", "must be ticket.created"),
        ("--queues", "Nowhere", "There is no queue “Nowhere”"),
        ("--kind", "pigeon", "must be webhook"),
        ("--raw-message", "perhaps", "must be yes or no"),
        ("--name", "12", "would be taken for an id"),
    ],
)
def test_what_cannot_be_is_refused(outlets: Outlets, option: str, value: str, words: str) -> None:
    given = {"--name": "desk", "--url": URL} | {option: value}
    result = outlets.desk.run("outlet", "add", *[word for pair in given.items() for word in pair])
    assert result.exit_code == 2
    assert words in result.stderr
    assert "ada:secret" not in result.stderr


@pytest.mark.parametrize("secret", ["s3cret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "YWFh" * 40])
def test_a_secret_of_another_form_is_refused_and_not_repeated(outlets: Outlets, secret: str) -> None:
    result = outlets.desk.run("outlet", "add", "--name", "desk", "--url", URL, "--secret-stdin", input=secret)
    assert result.exit_code == 2
    assert "must be whsec_ and 24 to 64 bytes" in result.stderr
    assert secret not in result.stderr.replace("whsec_ and", "")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("Authorization", "not of the form"),
        ("Auth orization: s3cret", "not of the form"),
        ("Content-Length: 12", "which PostMaster writes itself"),
        ("Webhook-Id: 12", "which PostMaster writes itself"),
        ("X-Desk: s3cret\x01", "control character"),
        ("X-Desk: sécret", "not ASCII"),
        ("\n".join(f"X-{number}: s3cret" for number in range(21)), "20 at most"),
    ],
)
def test_headers_of_another_form_are_refused_and_not_repeated(outlets: Outlets, lines: str, words: str) -> None:
    add(outlets.desk)
    result = outlets.desk.run("outlet", "set", "desk", "--headers-stdin", input=lines)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "s3cret" not in result.stderr


def test_headers_are_sealed_kept_and_taken_away(outlets: Outlets) -> None:
    add(outlets.desk)
    outlets.desk.ok("outlet", "set", "desk", "--headers-stdin", input="Authorization: Bearer s3cret")
    sealed = outlets.outlet().sealed_headers
    assert sealed
    assert "s3cret" not in sealed
    outlets.desk.ok("outlet", "set", "desk", "--comment", "x")
    assert outlets.outlet().sealed_headers == sealed
    outlets.desk.ok("outlet", "set", "desk", "--headers-stdin", input="none")
    assert outlets.outlet().sealed_headers == ""


def test_an_export_brings_back_all_but_secrets(outlets: Outlets) -> None:
    outlets.desk.ok("queue", "add", "--name", "Sales")
    add(outlets.desk, "--events", "ticket.created", "--queues", "Sales", "--queues", "Raw", "--comment", "ours")
    exported = outlets.desk.ok("outlet", "export").stdout
    assert "whsec" not in exported
    outlets.desk.ok("outlet", "import", input=exported)
    before = outlets.shown()
    outlets.desk.ok("outlet", "delete", "desk", "--yes")
    outlets.desk.ok("outlet", "import", input=exported)
    after = outlets.shown()
    assert after["health"] == "needs-secret"
    told = ("name", "kind", "url", "events", "queues", "raw_message", "validity", "comment")
    assert [after[name] for name in told] == [before[name] for name in told]
    assert after["queues"] == ["Raw", "Sales"]


def test_a_queue_that_an_outlet_names_cannot_be_deleted_and_may_be_renamed(outlets: Outlets) -> None:
    outlets.desk.ok("queue", "add", "--name", "Sales")
    add(outlets.desk, "--queues", "Sales")
    result = outlets.desk.run("queue", "delete", "Sales", "--yes")
    assert result.exit_code == 2
    assert "outlet desk" in result.stderr
    outlets.desk.ok("queue", "set", "Sales", "--name", "Trade")
    assert outlets.shown()["queues"] == ["Trade"]
    outlets.desk.ok("outlet", "set", "desk", "--queues", "")
    outlets.desk.ok("queue", "delete", "Trade", "--yes")


def test_an_address_in_the_clear_is_warned_of(outlets: Outlets) -> None:
    result = outlets.desk.ok("outlet", "add", "--name", "desk", "--url", "http://desk.example.com/")
    assert "can be read on the way" in result.stderr


def test_a_test_event_is_signed_and_its_answer_is_shown(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    receiver.answer = lambda _call: Reply(201, b'{"number": 5}')
    result = outlets.desk.ok("outlet", "test", "desk", "--json").json
    assert (result["taken"], result["status"], result["number"]) == (True, 201, "5")
    receiver.verify(SECRET)
    assert receiver.calls[0].document["type"] == "outlet.test"
    receiver.answer = lambda _call: Reply(500, b"not today")
    failed = outlets.desk.run("outlet", "test", "desk")
    assert failed.exit_code == 1
    assert "It was not taken. It answered 500" in failed.stdout
    assert "not today" in failed.stdout


def test_pausing_and_resuming_are_told_and_audited(outlets: Outlets) -> None:
    add(outlets.desk)
    assert "paused" in outlets.desk.ok("outlet", "pause", "desk", "--reason", "maintenance").stdout
    assert "already" in outlets.desk.ok("outlet", "pause", "desk").stdout
    shown = outlets.shown()
    assert (shown["health"], shown["paused_reason"]) == ("paused", "maintenance")
    assert shown["paused_by"].startswith("command line")
    assert "again" in outlets.desk.ok("outlet", "resume", "desk").stdout
    assert "not paused" in outlets.desk.ok("outlet", "resume", "desk").stdout
    with outlets.app.app_context(), read_session() as session:
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.noun == "outlet").order_by(AuditEvent.id)
        ).all()
    assert actions == ["add", "pause", "resume"]


def test_unknown_deliveries_and_moments_are_refused(outlets: Outlets) -> None:
    add(outlets.desk)
    for words in (("retry", "desk", "5"), ("replay", "desk"), ("replay", "desk", "--since", "tomorrow"), ("test", "x")):
        assert outlets.desk.run("outlet", *words).exit_code == 2


def test_secrets_follow_the_keys(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    before = outlets.outlet().sealed_secret
    assert outlets.desk.ok("credential", "rotate-key").stdout.startswith("1 ")
    assert outlets.outlet().sealed_secret != before
    (Path(outlets.app.instance_path) / "credential.key").unlink()
    assert outlets.shown()["health"] == "needs-key"
    assert outlets.desk.run("outlet", "test", "desk").exit_code == 2
    outlets.desk.ok("credential", "forget-sealed", "--yes")
    assert outlets.shown()["health"] == "needs-secret"
    outlets.desk.ok("outlet", "set", "desk", "--secret-stdin", input=SECRET)
    assert outlets.shown()["health"] == "healthy"

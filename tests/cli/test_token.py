"""API tokens, by the command line."""

from __future__ import annotations

import pytest
from flask import Flask

from postmaster.database import read_session
from postmaster.system.tokens import authenticate
from tests.cli.support import audit_log
from tests.results import Run
from tests.support import Desk


def test_a_token_is_printed_once_and_good_at_once(desk: Desk, app: Flask) -> None:
    secret = desk.ok("token", "add", "--name", "Shop", "--scope", "read", "--scope", "mail:write").stdout.strip()
    with app.app_context(), read_session() as session:
        assert authenticate(session, f"Bearer {secret}").name == "Shop"
    listed = desk.ok("token", "list")
    (row,) = desk.ok("token", "list", "--json").json_lines
    assert (row["name"], row["state"], row["scopes"], row["queues"]) == ("Shop", "good", ["mail:write", "read"], [])
    with app.app_context():
        kept = str([event.detail for event in audit_log()])
    for place in (listed.stdout, str(row), kept):
        assert secret[5:] not in place


def test_the_audit_log_has_who_made_and_revoked_a_token(desk: Desk, app: Flask) -> None:
    added = desk.ok("token", "add", "--name", "Shop", "--scope", "admin", "--queue", "Junk", "--json").json
    assert added["token"].startswith(f"pm_{added['id']}_")
    assert desk.ok("token", "revoke", "shop", "--json").json == {"revoked": True}
    assert desk.ok("token", "revoke", "Shop").stdout == "No changes.\n"
    with app.app_context():
        events = [(event.action, event.label, event.detail) for event in audit_log() if event.noun == "token"]
    assert events == [
        ("add", "Shop (1)", {"scopes": [None, ["admin"]], "queues": [None, ["Junk"]]}),
        ("revoke", "Shop (1)", {}),
    ]
    (row,) = desk.ok("token", "list", "--json").json_lines
    assert row["state"] == "revoked"
    assert row["created_by"].startswith("command line")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"--name": ""}, "Name is missing. [missing-field]"),
        ({"--name": "12"}, "would be taken for an id"),
        ({"--name": "a\nb"}, "has a line break"),
        ({"--name": "x" * 101}, "has 101 characters"),
        ({"--name": "old"}, "which another token has or had. Choose another one. [name-taken]"),
        ({"--scope": "write"}, "must be read, mail:write or admin"),
        ({"--queue": "Nowhere"}, "There is no queue “Nowhere”. Run: flask queue list [unknown-queue]"),
        ({"--expires": "soon"}, "which is not a date"),
        ({"--expires": "2020-01-01"}, "which is over"),
    ],
)
def test_what_is_wrong_with_a_new_token_is_said(desk: Desk, options: dict[str, str], sentence: str) -> None:
    desk.ok("token", "add", "--name", "Old", "--scope", "read")
    given = {"--name": "Shop", "--scope": "read", **options}
    result = desk.run("token", "add", *(word for option in given.items() for word in option))
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_a_token_needs_a_scope(run: Run) -> None:
    assert "Scope is missing" in run("token", "add", "--name", "Shop").stderr


def test_who_revokes_what_there_is_not_is_told(run: Run) -> None:
    result = run("token", "revoke", "9")
    assert result.exit_code == 2
    assert "There is no token “9”. Run: flask token list [unknown-token]" in result.stderr


def test_a_queue_that_a_token_is_limited_to_is_not_deleted_unnoticed(desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Sales")
    desk.ok("token", "add", "--name", "Shop", "--scope", "read", "--queue", "Sales")
    result = desk.run("queue", "delete", "Sales", "--yes")
    assert "API token Shop" in result.stderr
    desk.ok("token", "revoke", "Shop")
    desk.ok("queue", "delete", "Sales", "--yes")
    (row,) = desk.ok("token", "list", "--json").json_lines
    assert row["queues"][0].startswith("deleted queue ")

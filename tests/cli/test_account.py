"""Mail accounts by the command line: added, found, changed, deleted."""

from __future__ import annotations

import pytest
from flask import Flask

from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from tests.cli.support import PASSWORD, Admin, audit_log, options
from tests.results import Run, runner_of

VALUES = {
    "address": "info@example.com",
    "host": "mail.example.com",
    "port": "1143",
    "folder": "Orders",
    "ssl_verify": "no",
    "ssl_fingerprint": f"sha1${'ab' * 20}",
    "ssl_verifycn_name": "other.example.com",
}
STORED = VALUES | {"port": 1143, "ssl_verify": False}


def test_an_empty_data_directory_lists_no_accounts(unused_app: Flask) -> None:
    run = runner_of(unused_app)
    assert run("account", "list", "--json").stdout == ""
    assert run("account", "list").stdout.split() == [
        "id",
        "label",
        "type",
        "queue",
        "tags",
        "validity",
        "health",
        "comment",
    ]


@pytest.mark.parametrize("name", ACCOUNT_TYPES)
def test_an_account_keeps_every_field_that_its_type_has(admin: Admin, name: str) -> None:
    fields = [field.name for field in ACCOUNT_TYPES[name].fields]
    account = admin.run("account", "add", *options({"type": name} | {field: VALUES[field] for field in fields}))
    shown = admin.show("account", account.stdout.strip())
    assert {field.name: shown[field.name] for field in TYPE_FIELDS} == {
        field.name: STORED[field.name] if field.name in fields else None for field in TYPE_FIELDS
    }


def test_a_listed_account_has_the_option_names_as_keys(admin: Admin) -> None:
    admin.add_credential()
    admin.add_account(credential="C", dispatching="queue", queue="Junk", comment="Orders of the shop.")
    (row,) = admin.list("account")
    changed = row.pop("changed")
    assert changed.endswith("+00:00")
    assert row == {
        "id": 1, "label": "info@mail.example.com", "type": "IMAPS", "credential": "C", "address": None,
        "host": "mail.example.com", "port": None, "folder": None, "ssl_verify": True, "ssl_fingerprint": None,
        "ssl_verifycn_name": None, "trusted": "no", "authserv_ids": None, "dispatching": "queue", "queue": "Junk",
        "validity": "valid", "tags": "", "comment": "Orders of the shop.", "interval": None, "answer_timeout": None,
        "health": "never",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"credential": "C"}, "info@mail.example.com"),
        ({"credential": "C", "folder": "Orders"}, "info@mail.example.com/Orders"),
        ({"credential": "C", "folder": "inbox"}, "info@mail.example.com"),
        ({}, "mail.example.com"),
        ({"type": "Outlook365", "address": "info@example.com"}, "info@example.com"),
    ],
)
def test_an_account_is_found_by_its_label_in_any_case(admin: Admin, fields: dict[str, str], label: str) -> None:
    admin.add_credential()
    fields = {"type": "IMAPS"} | ({} if "address" in fields else {"host": "mail.example.com"}) | fields
    assert admin.run("account", "add", *options(fields)).exit_code == 0
    assert admin.show("account", label)["label"] == label
    assert admin.show("account", label.upper())["id"] == 1


def test_labels_that_differ_in_case_only_are_told_apart(admin: Admin) -> None:
    admin.add_credential()
    for folder in ("Orders", "orders"):
        admin.add_account(credential="C", folder=folder)
    assert admin.show("account", "info@mail.example.com/orders")["id"] == 2


def test_an_ambiguous_label_lists_the_ids(admin: Admin) -> None:
    for number, domain in enumerate(("a.example", "b.example")):
        admin.add_credential(f"C{number}", f"info@{domain}")
        admin.add_account(credential=f"C{number}")
    result = admin.run("account", "show", "info@mail.example.com")
    assert result.exit_code == 2
    assert "1, 2" in result.stderr
    assert "ambiguous-account" in result.stderr


@pytest.mark.parametrize("which", ["99", "nobody@nowhere", "9" * 40, "\udcff", ""])
@pytest.mark.parametrize("command", [("show",), ("set", "--comment", "x"), ("delete", "--yes")])
def test_an_unknown_account_ends_with_2(run: Run, command: tuple[str, ...], which: str) -> None:
    result = run("account", command[0], which, *command[1:])
    assert (result.exit_code, "unknown-account" in result.stderr) == (2, True)


def test_setting_a_field_leaves_the_others_alone(admin: Admin) -> None:
    admin.add_account(port=1993, comment="Old.")
    assert admin.run("account", "set", 1, "--comment", "New.").exit_code == 0
    shown = admin.show("account", 1)
    assert (shown["port"], shown["comment"]) == (1993, "New.")


def test_an_empty_value_clears_a_field(admin: Admin) -> None:
    admin.add_account(port=1993, ssl_verify="no", comment="Old.")
    assert admin.run("account", "set", 1, "--port", "", "--ssl-verify", "", "--comment", "").exit_code == 0
    shown = admin.show("account", 1)
    assert (shown["port"], shown["ssl_verify"], shown["comment"]) == (None, True, "")


def test_fields_that_the_new_type_lacks_are_dropped(admin: Admin) -> None:
    admin.add_account(folder="Orders", ssl_verify="no", ssl_fingerprint=VALUES["ssl_fingerprint"])
    assert admin.run("account", "set", 1, "--type", "POP3").exit_code == 0
    assert admin.run("account", "set", 1, "--type", "IMAPS").exit_code == 0
    shown = admin.show("account", 1)
    assert (shown["folder"], shown["ssl_verify"], shown["ssl_fingerprint"]) == (None, True, None)


def test_dispatching_by_to_forgets_the_queue(admin: Admin) -> None:
    admin.add_account(dispatching="queue", queue="Junk")
    assert admin.run("account", "set", 1, "--dispatching", "to").exit_code == 0
    assert admin.show("account", 1)["queue"] is None


def test_an_account_whose_queue_became_invalid_can_still_be_changed(admin: Admin) -> None:
    admin.add_account(dispatching="queue", queue="Junk")
    admin.run("queue", "set", "Junk", "--validity", "invalid")
    assert admin.run("account", "set", 1, "--validity", "invalid").exit_code == 0


def test_set_without_a_field_is_wrong_usage(admin: Admin) -> None:
    admin.add_account()
    assert admin.run("account", "set", 1).exit_code == 2


def test_a_fingerprint_is_kept_in_one_form(admin: Admin) -> None:
    admin.add_account(ssl_fingerprint="SHA1$" + ":".join(["AB"] * 20))
    assert admin.show("account", 1)["ssl_fingerprint"] == VALUES["ssl_fingerprint"]


def test_the_accounts_beyond_the_recommended_limit_are_warned_of(admin: Admin) -> None:
    admin.run("setting", "set", "RecommendedAccountLimit", 1)
    assert admin.run("account", "add", "--type", "IMAP", "--host", "a.example").stderr == ""
    second = admin.run("account", "add", "--type", "IMAP", "--host", "b.example")
    assert "2 valid accounts" in second.stderr
    assert second.stdout == "2\n"
    assert admin.run("account", "add", "--type", "IMAP", "--host", "c", "--validity", "invalid").stderr == ""
    assert "3 valid accounts" in admin.run("account", "set", 3, "--validity", "valid").stderr


def test_deleting_needs_yes_without_a_terminal(admin: Admin) -> None:
    admin.add_account()
    refused = admin.run("account", "delete", 1)
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert admin.run("account", "delete", "mail.example.com", "--yes").exit_code == 0
    assert admin.list("account") == []


def test_every_change_is_audited_without_secrets(admin: Admin, app: Flask) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    admin.run("account", "set", 1, "--port", 1993)
    admin.run("account", "set", 1, "--port", 1993)
    admin.run("credential", "set", "C", "--password-stdin", input="another secret")
    admin.run("account", "delete", 1, "--yes")
    with app.app_context():
        events = audit_log()
    assert [(event.action, event.noun) for event in events] == [
        ("add", "credential"), ("add", "account"), ("set", "account"), ("set", "credential"), ("delete", "account"),
    ]  # fmt: skip
    assert events[2].detail == {"port": [None, 1993]}
    assert events[3].detail == {"password": "changed"}
    assert events[0].actor.startswith("command line (")
    assert PASSWORD not in str([event.detail for event in events])

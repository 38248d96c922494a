"""What is still named is not set invalid, renamed or taken away without a word: by the pages and by the commands."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.operations.conditions import CONDITIONS
from postmaster.pipeline.choices import LISTED
from postmaster.system import list_settings
from postmaster.system.setting import ListSetting
from postmaster.system.setting_table import SETTINGS
from tests.results import Run
from tests.support import Desk, mail
from tests.web.resource_support import fields_of, fill, words

NAMING = next(condition for condition in CONDITIONS if condition.name == "naming")


@pytest.fixture
def named(desk: Desk) -> Desk:
    """A desk on which everything is named by something."""
    desk.ok("queue", "add", "--name", "Sales")
    desk.ok("queue", "add", "--name", "Sales::Orders")
    desk.ok("setting", "set", "Ticket::Services", "Mail; Web")
    desk.ok("setting", "set", "Ticket::SLAs", "Gold; Silver")
    desk.ok("setting", "set", "Ticket::Owners", "ann; bob")
    desk.ok("setting", "set", "Ticket::Responsibles", "cid; dee")
    desk.ok("setting", "set", "Ticket::DynamicFields", "Alert; Host")
    desk.ok("setting", "set", "Article::DynamicFields", "Channel; Form")
    desk.ok("setting", "set", "Ticket::Types", "Unclassified; Incident")
    desk.ok("credential", "add", "--name", "Key", "--username", "sales@one.example", "--password-stdin", input="x")
    desk.add_account(type="IMAP", host="one.example", credential="Key", dispatching="queue", queue="Sales")
    desk.add_account(type="IMAP", host="two.example", credential="Key")
    desk.ok("address", "add", "--address", "sales@one.example", "--name", "S", "--queue", "Sales")
    sets = ("Queue=Sales::Orders", "State=open", "Priority=2 low", "Type=Incident", "Service=Web", "SLA=Gold",
            "OwnerID=2", "DynamicField-Alert=1", "State=pending auto close-", "Responsible=dee",
            "DynamicField-Form=1")  # fmt: skip
    for text in sets:
        desk.ok("filter", "add", "--name", f"sets {text}", "--match", "Subject=x", "--set", f"X-OTRS-{text}")
    desk.ok("filter", "add", "--name", "asks", "--match", "To=EMAILADDRESS:Sales@one.example")
    desk.ok("read", "--queue", "Sales::Orders", input=mail("hello"))
    return desk


def states_without(name: str, run: Run) -> str:
    """The list of states without one of them."""
    entries = run("setting", "get", "Ticket::States").stdout.strip().split("; ")
    return "; ".join(entry for entry in entries if not entry.startswith(f"{name}="))


# The noun, which one, its page, the changed field, and all that names it.
CHANGES = {
    "queue invalid": ("queue", "Sales", "/queues/5", {"validity": "invalid"},
                      ["account 1 (sales@one.example)", "address sales@one.example"]),
    "sub-queue invalid": ("queue", "Sales::Orders", "/queues/6", {"validity": "invalid-temporarily"},
                          ["filter “sets Queue=Sales::Orders”", "a pipe (flask read --queue"]),
    "sub-queue renamed": ("queue", "Sales::Orders", "/queues/6", {"name": "Orders"},
                          ["filter “sets Queue=Sales::Orders”", "a pipe (flask read --queue"]),
    "parent renamed": ("queue", "Sales", "/queues/5", {"name": "Shop"},
                       ["filter “sets Queue=Sales::Orders”", "a pipe (flask read --queue"]),
    "address invalid": ("address", "sales@one.example", "/addresses/1", {"validity": "invalid"},
                        ["account 2 (sales@two.example)", "filter “asks”"]),
    "address renamed": ("address", "sales@one.example", "/addresses/1", {"address": "shop@one.example"},
                        ["account 2 (sales@two.example)", "filter “asks”"]),
    "credential invalid": ("credential", "Key", "/credentials/1", {"validity": "invalid"},
                           ["account 1 (sales@one.example)", "account 2 (sales@two.example)"]),
}  # fmt: skip


@pytest.mark.parametrize(("noun", "which", "path", "change", "uses"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_names_what_names_the_record_and_is_made_if_it_is_confirmed(
    client: FlaskClient, named: Desk, run: Run, noun: str, which: str, path: str, change: dict[str, str],
    uses: list[str],
) -> None:  # fmt: skip
    [(field, value)] = change.items()
    refused = run(noun, "set", which, f"--{field}", value)
    assert refused.exit_code == 2
    assert all(use.removesuffix(" (sales@two.example)") in refused.stderr for use in uses), refused.stderr
    assert "--yes" in refused.stderr

    page = fill(client, path, **change)
    assert page.status_code == 422
    assert "This is still named by:" in words(page.text)
    assert "is still named. See below" in words(page.text)
    before = run(noun, "show", which, "--json").json
    assert before[field] != value

    saved = client.post(path, data={**fields_of(page.text), **change, "confirmed": "yes"})
    assert saved.status_code == 303
    after = run(noun, "show", before["id"], "--json").json
    assert after[field] == value


def test_each_use_leads_to_the_page_on_which_it_is_changed(client: FlaskClient, named: Desk) -> None:
    page = fill(client, "/queues/6", validity="invalid").text
    assert '<a href="/filters/1">filter “sets Queue=Sales::Orders”</a>' in page
    assert '<input type="checkbox" name="confirmed" value="yes">' in page


STATES_BUT_ONE = (
    "new=new; open=open; pending reminder=pending reminder; pending auto close+=pending auto; "
    "closed successful=closed; closed unsuccessful=closed; merged=merged; removed=removed"
)
LISTS = {
    "Ticket::States": (STATES_BUT_ONE, "sets State=pending auto close-"),
    "Ticket::Priorities": ("1 very low; 3 normal; 4 high", "sets Priority=2 low"),
    "Ticket::Types": ("Unclassified", "sets Type=Incident"),
    "Ticket::Services": ("Mail; Website", "sets Service=Web"),
    "Ticket::SLAs": ("Silver", "sets SLA=Gold"),
    "Ticket::Owners": ("bob; ann", "sets OwnerID=2"),
    "Ticket::Responsibles": ("cid", "sets Responsible=dee"),
    "Ticket::DynamicFields": ("Host", "sets DynamicField-Alert=1"),
    "Article::DynamicFields": ("Channel", "sets DynamicField-Form=1"),
}


@pytest.mark.parametrize(
    ("setting", "value", "loss"),
    [
        ("Ticket::Services", "Mail; Website", "Ticket::Services would lose “Web”, but it is named by filter"),
        ("Ticket::Owners", "bob; ann", "IDs of Ticket::Owners would mean other entries, or none, but it is named by"),
    ],
)
def test_it_is_said_what_a_list_would_lose(named: Desk, run: Run, setting: str, value: str, loss: str) -> None:
    assert loss in run("setting", "set", setting, value).stderr


def test_each_list_that_there_is_asks_who_names_its_entries() -> None:
    defined = {spec.name for spec in vars(list_settings).values() if isinstance(spec, ListSetting)}
    assert set(LISTS) == defined == {spec.name for spec in LISTED.values()}
    assert defined == {name for name in SETTINGS if "::" in name and isinstance(SETTINGS[name], ListSetting)}


@pytest.mark.parametrize(("setting", "value", "use"), [(name, *rest) for name, rest in LISTS.items()])
def test_an_entry_of_a_list_is_not_taken_away_from_under_a_filter(
    client: FlaskClient, named: Desk, run: Run, setting: str, value: str, use: str
) -> None:
    refused = run("setting", "set", setting, value)
    assert refused.exit_code == 2
    assert f"filter “{use}”" in refused.stderr
    page = fill(client, f"/settings/{setting}", row_name=value, row_kind="", row_id="")
    assert page.status_code == 422
    assert "--yes" not in words(page.text)
    assert f"filter “{use}”" in words(page.text)
    assert run("setting", "get", setting).stdout.strip() != value
    assert run("setting", "set", setting, value, "--yes").exit_code == 0
    assert run("setting", "get", setting).stdout.strip() == value


def test_a_state_is_not_taken_away_from_under_a_filter(named: Desk, run: Run) -> None:
    named.ok("setting", "set", "PostmasterFollowUpState", "new")
    without = states_without("open", run)
    assert "filter “sets State=open”" in run("setting", "set", "Ticket::States", without).stderr
    named.ok("setting", "set", "Ticket::States", without, "--yes")


def test_an_import_asks_too(named: Desk, run: Run) -> None:
    document = json.dumps({"queue": [{"name": "Sales::Orders", "validity": "invalid"}]})
    refused = run("queue", "import", input=document)
    assert refused.exit_code == 2
    assert "item 1: The queue “Sales::Orders” would be invalid, but it is named by filter" in refused.stderr
    assert run("queue", "import", "--yes", input=document).exit_code == 0


def test_what_is_named_by_nothing_valid_changes_without_a_word(named: Desk, run: Run) -> None:
    named.ok("filter", "set", "sets Queue=Sales::Orders", "--validity", "invalid")
    named.ok("queue", "set", "Junk", "--validity", "invalid")
    named.ok("queue", "set", "Junk", "--name", "Waste")
    named.ok("queue", "set", "Sales::Orders", "--comment", "Only a comment.")
    assert "pipe" in run("queue", "set", "Sales::Orders", "--validity", "invalid").stderr


def test_a_queue_that_a_filter_names_is_not_deleted(named: Desk, run: Run) -> None:
    named.ok("queue", "add", "--name", "Short")
    named.ok("filter", "add", "--name", "short", "--match", "Subject=x", "--set", "X-OTRS-Queue=Short")
    assert "is in use: filter “short”" in run("queue", "delete", "Short", "--yes").stderr


def test_afterwards_health_list_and_incidents_say_what_names_nothing(
    app: Flask, client: FlaskClient, named: Desk
) -> None:
    named.ok("queue", "set", "Sales", "--validity", "invalid", "--yes")
    named.ok("queue", "set", "Sales::Orders", "--validity", "invalid", "--yes")
    assert next(row["health"] for row in named.ok("account", "list", "--json").json_lines) == "queue-invalid"
    assert next(row["health"] for row in named.ok("filter", "list", "--json").json_lines) == "names-invalid"
    assert "Queue not valid" in words(client.get("/accounts").text)
    assert "Names what is not valid X-OTRS-Queue is “Sales::Orders”" in words(client.get("/filters").text)
    with app.app_context(), read_session() as session:
        found = NAMING.find(session, now())
        assert found is not None
        assert [trouble.subject for trouble in found] == ["account 1", "address 1", "filter 1"]
    assert "Its queue “Sales” is not valid, so its mail is dispatched by address." in words(client.get("/status").text)


def test_a_default_queue_that_is_gone_is_an_incident(app: Flask, run: Run) -> None:
    run("queue", "list")
    with app.app_context(), transaction() as session:
        session.connection().exec_driver_sql("UPDATE queue SET validity = 'INVALID' WHERE name = 'Raw'")
        found = NAMING.find(session, now())
        assert found is not None
        assert "PostmasterDefaultQueue is “Raw”, which is not a valid queue" in found[0].sentence

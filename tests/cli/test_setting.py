"""The system configuration by the command line."""

from __future__ import annotations

import pytest
from flask import Flask

from postmaster.system.setting_table import SETTINGS
from tests.cli.support import Admin, audit_log
from tests.results import Run
from tests.support import Desk, mail

DEFAULTS = {
    "PostmasterDefaultQueue": "Raw",
    "PostmasterDefaultPriority": "3 normal",
    "PostmasterDefaultState": "new",
    "PostmasterFollowUpState": "open",
    "PostmasterMaxEmailSize": "16384",
    "PostMasterReconnectMessage": "200",
    "Ticket::Hook": "Ticket#",
    "Ticket::SubjectFormat": "Left",
    "FetchIntervalMinutes": "10",
    "RecommendedAccountLimit": "10",
    "SessionsPerHost": "4",
    "SilenceAlertMinutes": "60",
    "TicketsPerSenderHour": "100",
    "AcceptTicketNumberFromStranger": "no",
    "FirstFetchConfirm": "100",
    "PostmasterFollowUpSearchInBody": "no",
    "PostmasterFollowUpSearchInAttachment": "no",
    "Ticket::States": "new=new; open=open; pending reminder=pending reminder; pending auto close+=pending auto; "
    "pending auto close-=pending auto; closed successful=closed; closed unsuccessful=closed; merged=merged; "
    "removed=removed",
    "Ticket::Priorities": "1 very low; 2 low; 3 normal; 4 high; 5 very high",
    "Ticket::Types": "Unclassified",
    "Ticket::Type::Default": "Unclassified",
    "Ticket::Services": "",
    "Ticket::SLAs": "",
    "Ticket::Owners": "",
    "Ticket::Responsibles": "",
    "Ticket::DynamicFields": "",
}


def test_every_setting_has_the_default_that_admins_know(run: Run) -> None:
    listed = {row["name"]: row["value"] for row in run("setting", "list", "--json").json_lines}
    assert DEFAULTS.items() <= listed.items()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_is_a_value_that_its_setting_takes(run: Run, name: str) -> None:
    default = run("setting", "get", name).stdout.strip()
    assert run("setting", "set", name, default).exit_code == 0
    assert run("setting", "get", name).stdout.strip() == default


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("PostmasterDefaultQueue", "junk", "Junk"),
        ("PostmasterDefaultPriority", "4 HIGH", "4 high"),
        ("postmasterdefaultstate", "open", "open"),
        ("Ticket::Hook", "Call#", "Call#"),
        ("Ticket::SubjectFormat", "right", "Right"),
        ("PostmasterMaxEmailSize", "0100", "100"),
        ("AcceptTicketNumberFromStranger", "YES", "yes"),
        ("Ticket::Services", "Mail\n Web::Shop ;\n", "Mail; Web::Shop"),
        ("Ticket::Owners", "ada; bob = 7", "ada; bob=7"),
        ("Ticket::DynamicFields", "Floor;Room", "Floor; Room"),
    ],
)
def test_a_value_is_kept_in_its_usual_form(run: Run, name: str, given: str, kept: str) -> None:
    assert run("setting", "set", name, given).exit_code == 0
    assert run("setting", "get", name).stdout == f"{kept}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PostmasterDefaultQueue", "Nowhere"),
        ("PostmasterDefaultQueue", "Misc"),
        ("PostmasterDefaultPriority", "urgent"),
        ("PostmasterDefaultState", "happy"),
        ("PostmasterFollowUpState", ""),
        ("PostmasterMaxEmailSize", "0"),
        ("PostmasterMaxEmailSize", "16 MB"),
        ("PostMasterReconnectMessage", "-1"),
        ("Ticket::Hook", "Ticket1"),
        ("Ticket::Hook", "[Ticket#"),
        ("Ticket::Hook", "Ticket #"),
        ("Ticket::SubjectFormat", "Middle"),
        ("FetchIntervalMinutes", "1.5"),
        ("SessionsPerHost", "101"),
        ("AcceptTicketNumberFromStranger", "perhaps"),
        ("Ticket::States", ""),
        ("Ticket::States", "new=new; open"),
        ("Ticket::States", "new=new; open=happy"),
        ("Ticket::States", "new=new; closed successful=closed"),
        ("Ticket::Priorities", "low; 3 normal; LOW"),
        ("Ticket::Priorities", "low; high"),
        ("Ticket::Types", "Incident"),
        ("Ticket::Type::Default", "Incident"),
        ("Ticket::Services", "x" * 101),
        ("Ticket::Owners", "ada=2; bob"),
        ("Ticket::Owners", "ada=first"),
        ("Ticket::DynamicFields", "Two words"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_setting(run: Run, name: str, value: str) -> None:
    run("queue", "set", "Misc", "--validity", "invalid")
    result = run("setting", "set", "--", name, value)
    assert (result.exit_code, name in result.stderr) == (2, True)
    assert run("setting", "get", name).stdout.strip() == DEFAULTS[name]


def test_an_entry_that_was_added_to_a_list_can_be_chosen(run: Run) -> None:
    assert run("setting", "set", "Ticket::Types", "Unclassified; Incident").exit_code == 0
    assert run("setting", "set", "Ticket::Type::Default", "incident").exit_code == 0
    assert run("setting", "get", "Ticket::Type::Default").stdout == "Incident\n"


def test_a_state_that_tickets_are_in_cannot_be_taken_away(desk: Desk) -> None:
    [number] = [desk.ok("read", "--json", input=mail("hello")).json["ticket"]]
    desk.ok("ticket", "set", number, "--state", "merged")
    states = DEFAULTS["Ticket::States"]
    result = desk.run("setting", "set", "Ticket::States", states.replace("; merged=merged", ""))
    assert (result.exit_code, "must keep “merged”" in result.stderr) == (2, True)
    desk.ok("setting", "set", "Ticket::States", states.replace("; removed=removed", ""))
    assert desk.run("ticket", "set", number, "--state", "removed").exit_code == 2


@pytest.mark.parametrize("command", [("get", "Nothing"), ("set", "Nothing", "1")])
def test_an_unknown_setting_ends_with_2(run: Run, command: tuple[str, ...]) -> None:
    assert run("setting", *command).exit_code == 2


def test_a_change_is_audited_with_both_values(admin: Admin, app: Flask) -> None:
    for _ in range(2):
        admin.run("setting", "set", "SessionsPerHost", 8)
    with app.app_context():
        (event,) = audit_log()
    assert (event.label, event.detail) == ("SessionsPerHost", {"value": ["4", "8"]})

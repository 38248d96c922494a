"""``flask import otrs`` with filters that are modules in the system configuration: they do here what they did there."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.cli.support import Admin
from tests.results import Run
from tests.support import mail

NAME = "PostMaster::PreFilterModule###000-ExternalTicketNumberRecognition1"
FILTER = "Kernel::System::PostMaster::Filter::"

# As OTOBO and Znuny are delivered with it, switched on.
CONFIG = {
    "Module": f"{FILTER}ExternalTicketNumberRecognition",
    "Name": "Supplier",
    "FromAddressRegExp": r"\s*@example.com",
    "NumberRegExp": r"\s*Incident-(\d.*)\s*",
    "SearchInSubject": "1",
    "SearchInBody": "1",
    "TicketStateTypes": "new;open;pending reminder;pending auto",
    "DynamicFieldName": "Incident",
    "SenderType": "system",
    "IsVisibleForCustomer": "0",
}
FIELDS = [{"id": 1, "name": "Incident", "object_type": "Ticket"}]


def dump(config: dict[str, Any], name: str = NAME, **columns: object) -> str:
    """A dump with one setting and the dynamic field that it names."""
    row = {"id": 1, "name": name, "is_valid": 1, "effective_value": yaml.safe_dump(config), **columns}
    return json.dumps({"dynamic_field": FIELDS, "sysconfig_modified": [row]})


def take(run: Run, data: str, code: int = 0) -> Any:
    """Import ``data``; returns the line of its setting."""
    result = run("import", "otrs", "-", "--json", input=data)
    assert result.exit_code == code, result.stderr or result.stdout
    return result.json_lines[-1]


def hand_over(run: Run, subject: str, text: str = "x", sender: str = "noc@example.com") -> Any:
    """What becomes of a message."""
    result = run("read", "--json", input=mail(subject, sender=sender, body=text))
    assert result.exit_code == 0, result.stderr
    return result.json


def test_the_recognition_of_numbers_becomes_filters_that_find_the_ticket(run: Run, admin: Admin) -> None:
    line = take(run, dump(CONFIG))
    assert (line["taken"], line["by_hand"]) == ("created", False)
    names = ("000-ExternalTicketNumberRecognition1 body", "000-ExternalTicketNumberRecognition1 subject")
    assert all(f"“{name}”" in line["detail"] for name in names)
    assert {each["name"] for each in admin.list("filter")} == {*names}
    assert admin.show("filter", names[0])["comment"] == "Supplier"

    first = hand_over(run, "Incident-12 down")
    assert (first["outcome"], first["attributes"]["dynamic_fields"]) == ("new", {"Incident": "12 down"})
    by_body = hand_over(run, "hello", "about\nIncident-12 down\nand more")
    assert (by_body["outcome"], by_body["ticket"]) == ("follow-up", first["ticket"])
    shown = run("ticket", "show", first["ticket"], "--json").json
    assert [(each["sender_type"], each["visible"]) for each in shown["articles"]] == [("system", False)] * 2


def test_a_number_in_the_body_counts_before_one_in_the_subject(run: Run) -> None:
    take(run, dump(CONFIG))
    assert hand_over(run, "Incident-1", "Incident-2")["attributes"]["dynamic_fields"] == {"Incident": "2"}


@pytest.mark.parametrize(
    ("subject", "sender"), [("incident-12", "noc@example.com"), ("Incident-12", "noc@example.org")]
)
def test_what_the_module_passes_by_the_filter_passes_by(run: Run, subject: str, sender: str) -> None:
    take(run, dump(CONFIG))
    assert hand_over(run, subject, sender=sender)["attributes"]["dynamic_fields"] == {}


# A change of the configuration, and what the report says that a filter cannot do.
UNSAID = [
    ({"TicketStateTypes": "new;open"}, "TicketStateTypes left pending auto, pending reminder out"),
    ({"TicketStateTypes": "new open"}, "TicketStateTypes left pending auto, pending reminder out"),
    ({"TicketStateTypes": "new;open;closed"}, "TicketStateTypes (closed) found closed tickets as well"),
    ({"TicketStateTypes": ""}, "TicketStateTypes (empty) found closed tickets as well"),
    ({"Channel": "x", "Zone": "y"}, "Channel, Zone: nothing is known of that here."),
    ({"SenderType": "robot"}, "X-OTRS-SenderType is “robot”"),
]


@pytest.mark.parametrize(("change", "words"), UNSAID)
def test_a_key_that_a_filter_cannot_say_is_in_the_report(run: Run, change: dict[str, str], words: str) -> None:
    line = take(run, dump({**CONFIG, **change}), code=1)
    assert (line["taken"], line["by_hand"], words in line["detail"]) == ("created", True, True), line


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"SearchInBody": "0"}, ["000-ExternalTicketNumberRecognition1"]),
        ({"SearchInSubject": "0", "FromAddressRegExp": ""}, ["000-ExternalTicketNumberRecognition1"]),
        ({"SearchInSubject": "", "SearchInBody": ""}, []),
    ],
)
def test_only_what_is_to_be_searched_is(run: Run, admin: Admin, change: dict[str, str], names: list[str]) -> None:
    line = take(run, dump({**CONFIG, **change}))
    assert line["taken"] == ("created" if names else "passed-over")
    assert [each["name"] for each in admin.list("filter")] == names


@pytest.mark.parametrize(
    ("old_type", "visible"), [("note-internal", "0"), ("note-report", "0"), ("email-external", "1")]
)
def test_a_type_of_article_from_before_otrs_6_says_who_sees_it(
    run: Run, admin: Admin, old_type: str, visible: str
) -> None:
    config = {**CONFIG, "ArticleType": old_type, "SearchInBody": "0"}
    del config["IsVisibleForCustomer"]
    take(run, dump(config))
    [found] = admin.list("filter")
    assert f"X-OTRS-FollowUp-IsVisibleForCustomer={visible}" in found["set"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"NumberRegExp": ""}, "bad-setting"),
        ({"DynamicFieldName": ""}, "bad-setting"),
        ({"DynamicFieldName": "Elsewhere"}, "invalid-value"),
        ({"NumberRegExp": "no brackets"}, "invalid-value"),
        ({"NumberRegExp": "(open"}, "invalid-value"),
    ],
)
def test_what_can_be_no_filter_is_left_out_with_the_reason(
    run: Run, admin: Admin, change: dict[str, str], code: str
) -> None:
    line = take(run, dump({**CONFIG, **change}), code=1)
    assert (line["taken"], line["code"]) == ("left-out", code), line
    assert admin.list("filter") == []


@pytest.mark.parametrize("columns", [{"is_valid": 0}, {"reset_to_default": 1}])
def test_what_is_switched_off_there_makes_no_filter_and_stops_one(
    run: Run, admin: Admin, columns: dict[str, int]
) -> None:
    assert take(run, dump(CONFIG, **columns))["taken"] == "passed-over"
    assert admin.list("filter") == []
    take(run, dump(CONFIG))
    assert take(run, dump(CONFIG, **columns))["taken"] == "changed"
    assert {each["validity"] for each in admin.list("filter")} == {"invalid"}
    assert take(run, dump(CONFIG))["taken"] == "changed"
    assert {each["validity"] for each in admin.list("filter")} == {"valid"}


def test_a_second_run_changes_nothing(run: Run) -> None:
    take(run, dump(CONFIG))
    assert take(run, dump(CONFIG))["taken"] == "unchanged"


def test_the_module_counts_and_not_what_the_setting_is_called(run: Run, admin: Admin) -> None:
    take(run, dump({**CONFIG, "SearchInBody": "0"}, name="PostMaster::PreFilterModule###900-Our suppliers"))
    assert [each["name"] for each in admin.list("filter")] == ["900-Our suppliers"]


@pytest.mark.parametrize(
    "pairs",
    [
        {"Match": {"From": "noreply@"}, "Set": {"X-OTOBO-Ignore": "yes", "X-OTRS-Weather": "fine"}},
        {"Match": [{"Key": "From", "Value": "noreply@"}], "Set": [{"Key": "X-OTRS-Ignore", "Value": "yes"},
                                                                   {"Key": "X-OTRS-Weather", "Value": "fine"}]},
    ],
)  # fmt: skip
def test_a_filter_in_the_configuration_is_a_filter_here(run: Run, admin: Admin, pairs: dict[str, Any]) -> None:
    line = take(run, dump({"Module": f"{FILTER}Match", **pairs}, name="PostMaster::PreFilterModule###1-Match"), code=1)
    assert (line["taken"], "X-OTRS-Weather" in line["detail"]) == ("created", True)
    [found] = admin.list("filter")
    assert (found["name"], found["match"], found["stop"]) == ("1-Match", ["From=noreply@"], False)
    assert hand_over(run, "x", sender="noreply@example.net")["outcome"] == "ignored"


def test_another_module_is_left_out_with_what_to_do(run: Run) -> None:
    line = take(run, dump({"Module": f"{FILTER}Mine"}, name="PostMaster::PreFilterModule###1-Match"), code=1)
    assert (line["taken"], "Code cannot be taken" in line["detail"]) == ("left-out", True)

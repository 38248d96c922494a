"""``flask filter``: the postmaster filters by the command line."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from postmaster.pipeline.filters.service import RECOMMENDED_FILTERS
from tests.cli.support import Admin, audit_log
from tests.results import Run

GIVEN = ("--name", "Spam", "--stop", "yes", "--match", "Subject=casino|lottery", "--match", "From=.", "--not-match",
         "X-Mailer=Mutt", "--set", "x-otrs-queue=Junk", "--set", "X-OTRS-DynamicField-Why=[***]", "--comment", "Games",
         "--validity", "valid")  # fmt: skip


@pytest.fixture(autouse=True)
def _dynamic_field(run: Run) -> None:
    assert run("setting", "set", "Ticket::DynamicFields", "Why").exit_code == 0


def test_what_was_entered_is_shown(run: Run, admin: Admin) -> None:
    assert run("filter", "add", *GIVEN).stdout == "1\n"
    shown = admin.show("filter", "spam")
    assert (shown["name"], shown["stop"], shown["validity"], shown["comment"]) == ("Spam", True, "valid", "Games")
    assert (shown["match"], shown["not_match"]) == (["Subject=casino|lottery", "From=."], ["X-Mailer=Mutt"])
    assert (shown["set"], shown["account"]) == (["x-otrs-queue=Junk", "X-OTRS-DynamicField-Why=[***]"], [])
    assert run("filter", "show", "1").stdout.count("match") == 3
    assert admin.list("filter")[0]["health"] == "healthy"


@pytest.mark.parametrize("form", ["json", "toml"])
def test_an_export_imports_as_it_was(run: Run, admin: Admin, form: str) -> None:
    account = admin.add_account()
    run("filter", "add", *GIVEN, "--account", account)
    exported = run("filter", "export", "--format", form).stdout
    assert "unchanged filter 1 Spam" in run("filter", "import", input=exported).stdout
    before = admin.show("filter", "Spam")
    run("filter", "delete", "Spam", "--yes")
    assert "created filter" in run("filter", "import", input=exported).stdout
    after = admin.show("filter", "Spam")
    assert {**after, "id": 0, "changed": ""} == {**before, "id": 0, "changed": ""}
    assert after["account"] == ["mail.example.com"]


def test_options_that_are_given_take_the_place_of_all_before(run: Run, admin: Admin, app: Flask) -> None:
    run("filter", "add", *GIVEN)
    assert run("filter", "set", "Spam", "--match", "Subject=bingo", "--not-match", "").exit_code == 0
    shown = admin.show("filter", "Spam")
    assert (shown["match"], shown["not_match"], len(shown["set"])) == (["Subject=bingo"], [], 2)
    with app.app_context():
        event = audit_log()[-1]
    assert event.detail["match"] == [["Subject=casino|lottery", "From=."], ["Subject=bingo"]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--match", "Subject=(casino"], "missing ) at position 8, at its end"),
        (["--match", "Subject=a{3,1}b"], "min repeat greater than max repeat at position 3, before “3,1}b”"),
        (["--match", "Subject=*a"], "nothing to repeat at position 1, before “*a”"),
        (["--match", "Subject=" + "(" * 1500], "cannot be compiled"),
        (["--match", "Subject=" + "a" * 2001], "at most 2000 are allowed"),
        (["--match", "Subject=" + r"(?:\d{1000}){1000}"], "takes more than 48 MB or a second to compile"),
        (["--match", "Subject=a{99999999999}"], "repeat count too big"),
        (["--match", "Subject="], "has no pattern for Subject"),
        (["--match", "Subject"], "Header=regular expression"),
        (["--match", "Two words=x"], "Header=regular expression"),
        (["--match", "From=EMAILADDRESS:(a"], "missing )"),
        (["--not-match", "Subject=["], "Not match has “[”"),
        (["--match", "Subject=x", "--set", "X-OTRS-Colour=red"], "sets “X-OTRS-Colour”, which has no effect"),
        (["--match", "Subject=x", "--set", "Subject=red"], "begins with X-OTRS-"),
        (["--match", "Subject=x", "--set", "X-OTRS-Queue"], "X-OTRS-Name=value"),
        (["--match", "Subject=x", "--set", "X-OTRS-Queue="], "to nothing"),
        (["--match", "Subject=x", "--set", "X-OTRS-DynamicField-NAME"], "X-OTRS-Name=value"),
        (["--match", "Subject=x", "--account", "nobody@nowhere"], "There is no account “nobody@nowhere”"),
        (["--match", "Subject=x", "--stop", "perhaps"], "Stop after match is “perhaps”"),
        ([], "has no condition"),
    ],
)
def test_a_wrong_filter_is_refused_saying_why(run: Run, admin: Admin, options: list[str], sentence: str) -> None:
    result = run("filter", "add", "--name", "F", *options)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert admin.list("filter") == []


def test_two_filters_cannot_have_one_name(run: Run) -> None:
    run("filter", "add", *GIVEN)
    result = run("filter", "add", "--name", "SPAM", "--match", "Subject=x")
    assert (result.exit_code, "already the name of filter 1" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("sets", "warning"),
    [
        ("X-OTRS-Queue=Nowhere", "X-OTRS-Queue is “Nowhere”, which is not a valid queue"),
        ("X-OTRS-FollowUp-State=happy", "X-OTRS-FollowUp-State is “happy”, which is no state"),
        ("X-OTRS-DynamicField-Floor=4", "which is not a field of Ticket::DynamicFields"),
        ("X-OTRS-QueueID=77", "X-OTRS-QueueID is “77”, which is the ID of no valid queue"),
        ("X-OTRS-TicketKey1=x", "sets TicketFreeKey1, which is not a field of Ticket::DynamicFields"),
        ("X-OTRS-State-PendingTime=+3y", "which is neither a date nor a number with s, m, h, d or w"),
        ("X-OTRS-Queue=[***]", ""),
    ],
)
def test_a_value_that_would_be_left_out_makes_a_warning(run: Run, sets: str, warning: str) -> None:
    result = run("filter", "add", "--name", "F", "--match", "Subject=(.*)", "--set", sets)
    assert result.exit_code == 0
    assert warning in result.stderr if warning else not result.stderr


def test_from_the_51st_on_there_is_a_warning(run: Run) -> None:
    filters = [{"name": f"F{number}", "match": ["Subject=x"]} for number in range(RECOMMENDED_FILTERS)]
    assert run("filter", "import", input=json.dumps({"filter": filters})).stderr == ""
    assert "There are 51 filters" in run("filter", "add", "--name", "one more", "--match", "Subject=x").stderr

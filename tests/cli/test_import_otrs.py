"""``flask import otrs``: taking over from a dump, reported row by row."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.sealing import unseal
from postmaster.database import read_session
from tests.cli.support import Admin, audit_log
from tests.results import Run
from tests.servers.postgres import Postgres
from tests.support import mail

SAMPLE = Path(__file__).parents[2] / "docs" / "import-otrs-sample.sql"

# A pass word that no dump, shell or reader leaves alone by accident.
PASSWORD = "it's; a \\ secret"


def take(run: Run, data: str | bytes, *options: str, code: int = 0) -> list[Any]:
    """Import ``data`` from standard input; returns the report."""
    result = run("import", "otrs", "-", "--json", *options, input=data)
    assert result.exit_code == code, result.stderr or result.stdout
    return result.json_lines


def outcomes(report: list[Any]) -> dict[str, str]:
    """What became of what."""
    return {line["what"]: line["taken"] for line in report}


def test_the_sample_is_taken_over_row_by_row(run: Run, admin: Admin) -> None:
    report = take(run, SAMPLE.read_bytes(), code=1)
    assert outcomes(report) == {
        "system_address_id, salutation_id, signature_id": "passed-over",
        "group_id": "passed-over",
        "queue “Postmaster”": "changed",
        "queue “Raw”": "changed",
        "queue “Junk”": "changed",
        "queue “Misc”": "changed",
        "queue “Sales”": "created",
        "queue “Sales::Orders”": "created",
        "queue “Sales::Fax”": "created",
        "address Sales@shop.example": "created",
        "address orders@shop.example": "created",
        "address fax@shop.example": "left-out",
        "address help": "left-out",
        "mail account 1, sales on imap.shop.example": "created",
        "mail account 2, orders@shop.example on pop.shop.example": "created",
        "mail account 3, sales on imap.shop.example": "left-out",
        "mail account 4, sales on imap.shop.example": "created",
        "mail account 5, jobs on mail.shop.example": "left-out",
        "mail account 6, desk@contoso.example on outlook.office365.com": "created",
        "mail account 7, returns on imap.shop.example": "created",
        "mail account 8, lost on imap.shop.example": "left-out",
        "filter “01 newsletters”": "created",
        "filter “02 order numbers”": "created",
        "filter “03 unfinished”": "left-out",
        "setting PostmasterDefaultQueue": "changed",
        "setting Ticket::Hook": "changed",
        "setting PostMasterMaxEmailSize": "changed",
        "setting PostMasterReconnectMessage": "unchanged",
        "setting PostmasterDefaultState": "left-out",
        "setting PostMaster::PreFilterModule###000-MatchDBSource": "passed-over",
        "setting ProductName": "passed-over",
        "validity “valid”": "passed-over",
        "validity “invalid”": "passed-over",
        "validity “invalid-temporarily”": "passed-over",
        "follow-up policy “possible”": "passed-over",
        "follow-up policy “reject”": "passed-over",
        "follow-up policy “new ticket”": "passed-over",
    }
    reasons = {line["what"]: line["detail"] for line in report}
    assert "already fetched by account 1" in reasons["mail account 3, sales on imap.shop.example"]
    assert "Type is “LMTP”" in reasons["mail account 5, jobs on mail.shop.example"]
    assert "needs a password" in reasons["mail account 7, returns on imap.shop.example"]
    assert "Queue 99 is not in the dump" in reasons["mail account 8, lost on imap.shop.example"]
    assert "missing ) at position 8" in reasons["filter “03 unfinished”"]
    assert all(line["line"] > 0 for line in report if line["table"] != "queue")


def test_what_was_taken_is_as_it_was_there(run: Run, admin: Admin) -> None:
    take(run, SAMPLE.read_bytes(), code=1)
    sales = admin.show("account", "sales@imap.shop.example")
    assert {name: sales[name] for name in ("type", "trusted", "dispatching", "queue", "folder", "validity")} == {
        "type": "IMAPS",
        "trusted": "yes",
        "dispatching": "queue",
        "queue": "Sales",
        "folder": None,
        "validity": "valid",
    }
    archive = admin.show("account", "sales@imap.shop.example/Archive/2025")
    assert (archive["validity"], archive["credential"]) == ("invalid-temporarily", sales["credential"])
    orders = admin.show("account", "orders@pop.shop.example")
    assert (orders["type"], orders["dispatching"], orders["queue"]) == ("POP3S", "to", None)
    outlook = admin.show("account", "desk@contoso.example")
    assert (outlook["type"], outlook["credential"], outlook["health"]) == ("Outlook365", None, "needs-credential")
    policies = {queue["name"]: queue["follow_up"] for queue in admin.list("queue")}
    assert {name: policies[name] for name in ("Junk", "Misc", "Sales", "Sales::Orders")} == {
        "Junk": "reject",
        "Misc": "possible",
        "Sales": "reject",
        "Sales::Orders": "new-ticket",
    }
    assert {address["address"]: address["queue"] for address in admin.list("address")} == {
        "sales@shop.example": "Sales",
        "orders@shop.example": "Sales::Orders",
    }
    newsletters = admin.show("filter", "01 newsletters")
    assert {name: newsletters[name] for name in ("stop", "match", "not_match", "set", "account")} == {
        "stop": True,
        "match": ["List-Id=.+"],
        "not_match": ["From=EMAILADDRESS:boss@shop.example"],
        "set": ["X-OTRS-Queue=Junk"],
        "account": [],
    }
    assert admin.show("filter", "02 order numbers")["match"] == [r"Subject=order\s+(\d{4,})"]
    assert run("setting", "get", "Ticket::Hook").stdout == "Case#\n"
    assert run("setting", "get", "PostmasterMaxEmailSize").stdout == "20480\n"


def test_passwords_are_sealed_and_never_shown(app: Flask, run: Run, data_dir: Path) -> None:
    shown = run("import", "otrs", str(SAMPLE)).stdout
    with app.app_context(), read_session() as session:
        credential = CredentialService(session, "test").find("sales (imap.shop.example)")
        assert unseal(credential.sealed_password) == PASSWORD
        details = [str(event.detail) for event in audit_log()]
    for place in (shown, *details, *(file.read_bytes().decode("latin-1") for file in data_dir.iterdir())):
        assert PASSWORD not in place
        assert "pass,word" not in place


def test_a_password_that_cannot_be_used_is_asked_for(run: Run, admin: Admin) -> None:
    row = {"id": 1, "login": "a", "host": "mail.example.com", "account_type": "IMAPS", "queue_id": 0, "valid_id": 1}
    [line] = take(run, json.dumps({"mail_account": [{**row, "pw": "hush\x07hush"}]}), code=1)
    assert "the one in the dump cannot be used" in line["detail"]
    assert "hush" not in str(line)
    assert admin.show("credential", "a (mail.example.com)")["health"] == "needs-password"


def test_doing_it_twice_changes_nothing(app: Flask, run: Run) -> None:
    take(run, SAMPLE.read_bytes(), code=1)
    with app.app_context():
        before = len(audit_log())
        second = take(run, SAMPLE.read_bytes(), code=1)
        assert set(outcomes(second).values()) == {"unchanged", "left-out", "passed-over"}
        assert len(audit_log()) == before


def test_what_was_changed_here_stays(run: Run, admin: Admin) -> None:
    take(run, SAMPLE.read_bytes(), code=1)
    run("account", "set", "orders@pop.shop.example", "--validity", "invalid")
    run("credential", "set", "sales (imap.shop.example)", "--password-stdin", input="changed since")
    run("setting", "set", "Ticket::Hook", "Call#")
    details = {line["what"]: line["detail"] for line in take(run, SAMPLE.read_bytes(), code=1)}
    stays = "It was changed here, and stays: validity is “invalid”, in the dump “valid”."
    assert details["mail account 2, orders@shop.example on pop.shop.example"] == stays
    assert "stays “Call#”" in details["setting Ticket::Hook"]
    assert admin.show("account", "orders@pop.shop.example")["validity"] == "invalid"


def test_each_newer_dump_is_followed_until_somebody_changes_something_here(run: Run, admin: Admin) -> None:
    def dump(comment: str, hook: str) -> str:
        setting = {"name": "Ticket::Hook", "is_valid": 1, "effective_value": f"--- '{hook}'\n"}
        return json.dumps({"queue": [{"id": 2, "name": "Raw", "comments": comment}], "sysconfig_modified": [setting]})

    for comment, hook in (("one", "One#"), ("two", "Two#"), ("three", "Three#")):
        assert {line["taken"] for line in take(run, dump(comment, hook))} == {"changed"}
        assert admin.show("queue", "Raw")["comment"] == comment
        assert run("setting", "get", "Ticket::Hook").stdout == f"{hook}\n"
    run("queue", "set", "Raw", "--comment", "ours")
    run("setting", "set", "Ticket::Hook", "Ours#")
    for line in take(run, dump("four", "Four#")):
        assert (line["taken"], "was changed here, and stays" in line["detail"]) == ("unchanged", True)


def test_a_dry_run_says_the_same_and_changes_nothing(app: Flask, run: Run, admin: Admin) -> None:
    foretold = take(run, SAMPLE.read_bytes(), "--dry-run", code=1)
    assert admin.list("account") == []
    assert admin.list("credential") == []
    with app.app_context():
        assert audit_log() == []
    assert without_ids(take(run, SAMPLE.read_bytes(), code=1)) == without_ids(foretold)


def without_ids(lines: list[Any]) -> str:
    """The report without the ids of accounts: PostgreSQL gives none twice, not even one of a dry run."""
    return re.sub(r"by account \d+", "by account", json.dumps(lines))


@pytest.fixture
def original(postgres: Postgres) -> str:
    """The URL of a database with tables as Znuny's, and values that are hard to write down."""
    url = postgres.create_database()
    tables = (
        "CREATE TABLE queue (id serial PRIMARY KEY, name varchar(200), follow_up_id smallint, comments varchar(250), "
        "valid_id smallint, create_time timestamp(0) DEFAULT now())",
        "CREATE TABLE mail_account (id serial PRIMARY KEY, login varchar(200), pw varchar(200), host varchar(200), "
        "account_type varchar(20), queue_id integer, trusted smallint, imap_folder varchar(250), "
        "comments varchar(250), valid_id smallint)",
        "CREATE TABLE sysconfig_modified (id serial, name varchar(250), user_id integer, is_valid smallint, "
        "effective_value text, reset_to_default smallint)",
    )
    account = ("sales", PASSWORD, "imap.example.com", "IMAPS", 1, 0, "A\\b", "tab\tand\nline, 'quoted' `\"")
    with psycopg.connect(url) as connection:
        for table in tables:
            connection.execute(table)
        connection.execute("INSERT INTO queue VALUES (1, 'Sales::Über', 2, NULL, 1)")
        connection.execute("INSERT INTO mail_account VALUES (1, %s, %s, %s, %s, %s, %s, %s, %s, 1)", account)
        connection.execute(
            "INSERT INTO sysconfig_modified VALUES (1, 'Ticket::Hook', NULL, 1, %s, 0)", ("--- Case#\n",)
        )
    return url


@pytest.mark.parametrize("options", [(), ("--inserts",), ("--column-inserts",), ("--data-only",)])
def test_what_pg_dump_really_writes_is_taken_over(
    app: Flask, run: Run, admin: Admin, original: str, options: tuple[str, ...]
) -> None:
    dump = subprocess.run(["pg_dump", original, *options], capture_output=True, check=True).stdout
    assert set(outcomes(take(run, dump)).values()) == {"created", "changed"}
    account = admin.show("account", "sales@imap.example.com/A\\b")
    assert account["queue"] == "Sales::Über"
    assert account["comment"] == "tab\tand\nline, 'quoted' `\""
    with app.app_context(), read_session() as session:
        credential = CredentialService(session, "test").find(account["credential"])
        assert unseal(credential.sealed_password) == PASSWORD


def test_for_people_there_is_a_line_a_row_and_a_sum(run: Run) -> None:
    result = run("import", "otrs", str(SAMPLE), "--dry-run")
    assert "line 57: queue “Sales::Fax”: created\n" in result.stdout
    assert "Nothing was changed: this was a dry run." in result.stdout


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"nothing", "holds no rows"), (SAMPLE.read_bytes()[:-2000], "ends in the middle of")],
)
def test_a_dump_that_cannot_be_used_changes_nothing(run: Run, admin: Admin, data: bytes, sentence: str) -> None:
    result = run("import", "otrs", "-", input=data)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert admin.list("account") == []


@pytest.mark.parametrize(("valid", "value"), [(1, "yes"), (0, "no")])
def test_checks_for_follow_ups_are_switched_on_as_they_were_there(run: Run, valid: int, value: str) -> None:
    rows = [
        {"name": "PostMaster::CheckFollowUpModule###0300-Body", "is_valid": valid, "effective_value": "---\nModule: X"}
    ]
    take(run, json.dumps({"sysconfig_modified": rows}))
    assert run("setting", "get", "PostmasterFollowUpSearchInBody").stdout == f"{value}\n"


@pytest.mark.parametrize(("valid", "value"), [(1, "follow-up"), (0, "separate")])
def test_the_check_for_message_ids_becomes_a_choice_of_what_copies_become(run: Run, valid: int, value: str) -> None:
    name = "PostMaster::CheckFollowUpModule###0600-MessageID"
    take(run, json.dumps({"sysconfig_modified": [{"name": name, "is_valid": valid, "effective_value": "---\n"}]}))
    assert run("setting", "get", "DuplicateMessages").stdout == f"{value}\n"


@pytest.mark.parametrize(
    ("name", "document", "value"),
    [
        ("Ticket::HookDivider", "--- ': '", ":"),
        ("PostmasterFollowUpStateClosed", "--- new", "new"),
        ("PostmasterFollowUpStateClosed", "--- ''", ""),
    ],
)
def test_settings_of_follow_ups_are_taken(run: Run, name: str, document: str, value: str) -> None:
    take(run, json.dumps({"sysconfig_modified": [{"name": name, "is_valid": 1, "effective_value": document}]}))
    assert run("setting", "get", name).stdout == f"{value}\n"


def test_a_queue_keeps_the_id_that_headers_call_it_by(run: Run) -> None:
    take(run, json.dumps({"queue": [{"id": 17, "name": "Sales", "valid_id": 1}]}))
    raw = b"From: ann@customer.example\nX-OTRS-QueueID: 17\nSubject: x\n\nHello."
    assert json.loads(run("read", "--json", "--trusted", input=raw).stdout)["queue"] == "Sales"


def test_a_queue_whose_id_is_taken_comes_without_it(run: Run, admin: Admin) -> None:
    run("queue", "add", "--name", "Own", "--number", "5")
    dump = json.dumps({"queue": [{"id": 5, "name": "Sales", "follow_up_id": 2}, {"id": 6, "name": "Shop"}]})
    [taken, free] = take(run, dump, code=1)
    assert (taken["taken"], taken["by_hand"]) == ("created", True)
    assert "Queue ID is 5, which is already that of the queue “Own”. It was taken without it." in taken["detail"]
    assert (free["taken"], free["detail"]) == ("created", "")
    shown = admin.show("queue", "Sales")
    assert (shown["number"], shown["follow_up"]) == (None, "reject")
    [again, _] = take(run, dump, code=1)
    assert (again["taken"], again["detail"]) == ("unchanged", taken["detail"])
    run("queue", "set", "Own", "--number", "")
    [at_last, _] = take(run, dump)
    assert (at_last["taken"], admin.show("queue", "Sales")["number"]) == ("changed", 5)


def test_a_queue_whose_policy_is_unknown_comes_with_the_usual_one(run: Run, admin: Admin) -> None:
    [line] = take(run, json.dumps({"queue": [{"id": 5, "name": "Sales", "follow_up_id": 9}]}), code=1)
    assert (line["taken"], "policy 9" in line["detail"]) == ("created", True)
    assert admin.show("queue", "Sales")["follow_up"] == "possible"


def test_an_entry_of_a_list_whose_id_is_taken_comes_with_another_and_says_so(run: Run) -> None:
    run("setting", "set", "Ticket::Services", "Own=1")
    dump = json.dumps({"service": [{"id": 1, "name": "Mail"}, {"id": 7, "name": "Web"}]})
    [taken, free] = take(run, dump, code=1)
    assert (taken["taken"], free["detail"]) == ("created", "")
    assert taken["detail"] == "Its ID 1 is that of “Own” in Services here, so it has 2: headers name it so."
    assert run("setting", "get", "Ticket::Services").stdout == "Own=1; Mail=2; Web=7\n"


def test_a_comment_with_what_no_page_shows_is_taken_without_that(run: Run, admin: Admin) -> None:
    take(run, json.dumps({"queue": [{"id": 5, "name": "Sales", "comments": "old\x0bnote\x00"}]}))
    assert admin.show("queue", "Sales")["comment"] == "oldnote"


def test_a_dump_in_another_character_set_is_named_with_how_to_make_it(run: Run) -> None:
    sql = b"INSERT INTO queue (id, name, valid_id) VALUES (5,'Sales',1),(6,'Stra\xdfe',1);"
    told = outcomes(take(run, sql, code=1))
    assert told == {"queue “Sales”": "created", "queue “Stra?e”": "left-out", "warning": "unchanged"}
    assert "--default-character-set=utf8mb4" in run("import", "otrs", "-", "--dry-run", input=sql).stdout


def test_hostile_names_are_refused_or_kept_as_text(run: Run, admin: Admin) -> None:
    name = "'; DROP TABLE queue; --"
    rows = [
        {"id": 1, "name": name, "valid_id": 1},
        {"id": 2, "name": "\udcff", "valid_id": 1},
        {"id": 3, "name": "a\0"},
    ]
    report = take(run, json.dumps({"queue": rows}), code=1)
    assert [line["taken"] for line in report if line["line"]] == ["created", "left-out", "left-out"]
    assert name in [queue["name"] for queue in admin.list("queue")]


def filter_rows(*conditions: tuple[str, str, str]) -> str:
    """A dump of one filter, as OTOBO has it."""
    rows = [
        {"f_name": "F", "f_stop": 0, "f_type": kind, "f_key": key, "f_value": value, "f_not": 0}
        for kind, key, value in conditions
    ]
    return json.dumps({"postmaster_filter": rows})


def test_a_filter_of_otobo_is_taken_and_does_what_it_did(run: Run) -> None:
    conditions = (("Match", "X-OTOBO-AttachmentExists", "^no$"), ("Set", "X-OTOBO-Queue", "Junk"))
    [line] = take(run, filter_rows(*conditions))
    assert (line["taken"], line["detail"]) == ("created", "")
    assert run("read", "--dry-run", "--json", input=mail("x")).json["queue"] == "Junk"


def test_a_filter_loses_a_header_that_is_unknown_here_and_not_itself(run: Run, admin: Admin) -> None:
    conditions = (("Match", "Subject", "x"), ("Set", "X-OTRS-Weather", "fine"), ("Set", "X-OTRS-Queue", "Junk"))
    [line] = take(run, filter_rows(*conditions), code=1)
    assert (line["taken"], line["by_hand"]) == ("created", True)
    assert "no longer sets “X-OTRS-Weather”, which has no effect" in line["detail"]
    assert admin.show("filter", "F")["set"] == ["X-OTRS-Queue=Junk"]
    [again] = take(run, filter_rows(*conditions), code=1)
    assert again["taken"] == "unchanged"


def test_what_a_filter_names_and_is_not_here_is_in_the_report(run: Run) -> None:
    [line] = take(run, filter_rows(("Match", "Subject", "x"), ("Set", "X-OTRS-State", "waiting")), code=1)
    assert "X-OTRS-State is “waiting”, which is no state: it would be left out." in line["detail"]


def test_a_pattern_that_cannot_be_used_here_leaves_the_filter_out(run: Run) -> None:
    [line] = take(run, filter_rows(("Match", "Subject", r"(?{ 1 })")), code=1)
    assert line["taken"] == "left-out"
    assert "(?{" in line["detail"]

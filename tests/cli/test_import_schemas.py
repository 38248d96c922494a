"""``flask import otrs`` with the tables of each product, in each form that databases write them."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.staging import WANTED
from postmaster.otrs.tables import DROPPED, DROPPED_COLUMNS, RENAMED, TAKEN_TABLES
from tests.cli.support import Admin, audit_log
from tests.otrs.facts import COLUMNS, STAMPS
from tests.otrs.schemas import FORMS, PRODUCTS, mysqldump, pg_dump
from tests.results import Run, runner_of
from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import COMMAND
from tests.support import Desk, mail
from tests.turns import in_turns


def take(run: Run, data: bytes) -> list[Any]:
    """Import ``data``; returns the lines."""
    result = run("import", "otrs", "-", "--json", input=data)
    assert result.exit_code == 1, result.stderr or result.stdout  # automatic answers need a hand
    return result.json_lines


def by_what(lines: list[Any]) -> dict[str, Any]:
    """The lines by what they are about."""
    return {line["what"]: line for line in lines}


# Each product in two forms, and each form with about four products; in bin/test in one form and with two.
CASES = [
    (product, form)
    for place, product in enumerate(PRODUCTS)
    for at, form in enumerate(FORMS)
    if (at - place) % len(FORMS) in in_turns((0, 2), "rows")
]


@pytest.mark.parametrize(("product", "form"), CASES)
def test_each_row_of_each_product_has_its_line_in_each_form(
    app: Flask, run: Run, admin: Admin, product: str, form: str
) -> None:
    tables = PRODUCTS[product]
    data = FORMS[form](tables)
    lines = take(run, data)
    found = Counter(line["table"] for line in lines if line["line"])
    for table, (_, rows) in tables.items():
        dropped = DROPPED.get(table)
        alone = dropped is not None and not dropped.name  # many rows, and one thing to say of them
        expected = {"postmaster_filter": 2}.get(table, 1 if alone else len(rows))
        assert found[table] == expected, table
    told = by_what(lines)
    assert told["queue “Verkauf::Über”"]["taken"] == "created"
    assert admin.show("queue", "Verkauf::Über")["comment"] == "It's \\ one\tof ours"
    with app.app_context():
        before = len(audit_log())
        again = {line["taken"] for line in take(run, data)}
        assert again == {"unchanged", "passed-over", "left-out"}
        assert len(audit_log()) == before


@pytest.mark.parametrize("product", in_turns([*PRODUCTS], "forms", 4))
def test_all_forms_of_a_dump_say_the_same(run: Run, product: str) -> None:
    shown = set()
    for form in FORMS.values():
        lines = run("import", "otrs", "-", "--dry-run", "--json", input=form(PRODUCTS[product])).json_lines
        shown.add(json.dumps([{**line, "line": 0} for line in lines]))
    assert len(shown) == 1


# Tables, and columns of those that are taken, which say nothing of mail that comes in.
NOT_OF_MAIL = {"service_preferences", "sla_preferences", "notification_event_item", "notification_event_message"}
COLUMNS_NOT_OF_MAIL = {
    *STAMPS.split(),
    *("color", "comments", "calendar_name", "first_response_notify", "update_notify", "solution_notify"),
    *("pw", "title", "first_name", "last_name"),  # of users, who do not sign in here
    *("label", "field_order", "field_type"),
    *("value2", "value3"),  # of addresses: nothing reads them there either
    *("dbcrud_uuid", "sysconfig_default_id", "user_modification_active", "is_dirty"),
    *("authorization_code", "refresh_token_expiration_date", "error_message", "error_description", "error_code"),
    *("token", "token_expiration_date"),  # tests/oauth/test_import.py reads them: they come with a refresh token
    "oauth2_profile",  # by hand, as the table auth_token says
}
# Ids of rows that nothing names, and what is valid of that which only says what ids mean.
NOT_NAMED = {f"{table}.id" for table in ("system_address", "sysconfig_modified", "postmaster_filter", "oauth2_token")}
NOT_NAMED.add("follow_up_possible.valid_id")


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_table_and_column_about_mail_is_read_or_has_its_line(
    run: Run, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[tuple[str, str]] = set()
    get = DumpRow.get

    def noted(row: DumpRow, column: str) -> str:
        read.add((row.table, column))
        return get(row, column)

    monkeypatch.setattr(DumpRow, "get", noted)
    take(run, pg_dump(PRODUCTS[product]).encode())
    known = {*TAKEN_TABLES, *DROPPED, *WANTED, *NOT_OF_MAIL}
    assert COLUMNS[product].keys() <= known
    read |= {(each.table, column) for each in DROPPED_COLUMNS for column in each.columns}
    unread = {
        f"{table}.{column}"
        for table in TAKEN_TABLES & COLUMNS[product].keys()
        for column in {*COLUMNS[product][table]} - COLUMNS_NOT_OF_MAIL
        if (table, RENAMED.get(table, {}).get(column, column)) not in read and f"{table}.{column}" not in NOT_NAMED
    }
    assert unread == set()


def account(admin: Admin, host: str) -> Any:
    """The account on that host."""
    return next(each for each in admin.list("account") if each["host"] == host)


@pytest.mark.parametrize("product", ["OTRS 6, Znuny4OTRS", "OTRS CE 6.0.41", "Znuny 6.5", "Znuny 7, upgraded"])
def test_accounts_get_the_token_configuration_wherever_a_product_keeps_it(run: Run, admin: Admin, product: str) -> None:
    lines = by_what(take(run, mysqldump(PRODUCTS[product]).encode()))
    assert lines["mail account 2, a@gmail.example on imap.gmail.example"]["taken"] == "created"
    assert account(admin, "imap.gmail.example")["credential"] == "Gmail"


def test_accounts_of_a_package_for_oauth2_come_as_what_they_are(run: Run, admin: Admin) -> None:
    lines = by_what(take(run, mysqldump(PRODUCTS["OTOBO 10, MailAccount-OAuth2"]).encode()))
    line = lines["mail account 2, a@gmail.example on imap.gmail.example"]
    assert (line["taken"], line["by_hand"], "signs in with OAuth2" in line["detail"]) == ("created", True, True)
    assert account(admin, "imap.gmail.example")["type"] == "IMAPTLS"
    [tokens] = [line for line in lines.values() if line["table"] == "auth_token"]
    assert (tokens["taken"], "flask credential authorise" in tokens["detail"]) == ("left-out", True)


def test_lists_are_taken_with_the_ids_that_headers_name(run: Run) -> None:
    take(run, mysqldump(PRODUCTS["Znuny 7"]).encode())

    def listed(name: str) -> list[str]:
        return run("setting", "get", name).stdout.strip().split("; ")

    assert "wartet auf Müller=open=12" in listed("Ticket::States")
    assert {"3 normal=3", "6 Notfall=6"} <= {*listed("Ticket::Priorities")}
    assert listed("Ticket::Types") == ["Unclassified=1", "Incident=2"]
    assert listed("Ticket::Services") == ["Mail=1"]
    assert listed("Ticket::SLAs") == ["Gold=1"]
    assert listed("Ticket::Owners") == listed("Ticket::Responsibles") == ["root@localhost=1", "grace=7"]
    assert (listed("Ticket::DynamicFields"), listed("Article::DynamicFields")) == (["Rechnung"], ["Kanal"])


def test_what_a_filter_names_is_there_because_lists_come_first(run: Run) -> None:
    lines = by_what(take(run, pg_dump(PRODUCTS["OTOBO 11"]).encode()))
    assert lines["filter “01 Rechnung”"]["detail"] == "It no longer sets “X-OTRS-Weather”, which has no effect."
    assert lines["filter “02 Spam”"]["detail"] == ""
    decided = run("read", "--dry-run", "--json", input=mail("Rechnung 4711")).json
    assert decided["attributes"]["state"] == "wartet auf Müller"
    assert decided["attributes"]["owner"] == "grace"
    assert decided["attributes"]["dynamic_fields"] == {"Rechnung": "4711"}


# What is dropped, and a word of what is said to do instead.
SAID = [
    ("auto response “Danke”", "left-out", "PostMaster sends no mail"),
    ("2 rows of generic_agent_jobs", "left-out", "change tickets by the clock"),
    ("system_address_id, salutation_id, signature_id", "passed-over", "sends no mail"),
    ("first_response_time, update_time, solution_time, calendar_name", "passed-over", "escalates"),
    ("config", "passed-over", "not checked here"),
    ("queue “Alt”", "created", "escalation times"),
    ("service “Mail::Inbound; all”", "left-out", "semicolon"),
    ("state “alt”", "passed-over", "not valid there"),
    ("dynamic field “Firma”", "passed-over", "CustomerCompany"),
    ("dynamic field “ProcessManagementProcessID”", "passed-over", "the other system itself"),
    ("setting SendNoAutoResponseRegExp", "passed-over", "sends no mail"),
    ("setting SystemID", "passed-over", "Numbers that were given out with it are found"),
    ("setting PostMaster::PreFilterModule###000-Mine", "left-out", "add a filter that does the same"),
    ("setting ProductName", "passed-over", "nothing to do with mail"),
    ("setting Daemon::SchedulerCronTaskManager::Task###MailAccountFetch", "changed", "FetchIntervalMinutes was “10”"),
    ("mail account 3, b@firma.example on graph.microsoft.com", "created", "Microsoft Graph fetched it there"),
]


def test_what_is_dropped_is_said_with_what_to_do_instead(run: Run) -> None:
    lines = by_what(take(run, mysqldump(PRODUCTS["Znuny 6.5"]).encode()))
    for what, taken, words in SAID:
        assert (lines[what]["taken"], words in lines[what]["detail"]) == (taken, True), lines[what]


def test_a_schedule_that_is_no_number_of_minutes_is_left_out(run: Run) -> None:
    name = "Daemon::SchedulerCronTaskManager::Task###MailAccountFetch"
    row = {"name": name, "is_valid": 1, "effective_value": "---\nSchedule: 0 8-18 * * 1-5\n"}
    [line] = take(run, json.dumps({"sysconfig_modified": [row]}).encode())
    assert (line["taken"], line["code"]) == ("left-out", "bad-setting")


@pytest.mark.parametrize("packed", ["mysqldump --hex-blob, gzip", "pg_dump, zstd", "pg_dump --inserts, bzip2"])
def test_a_compressed_dump_that_was_cut_off_changes_nothing(run: Run, admin: Admin, packed: str) -> None:
    result = run("import", "otrs", "-", input=FORMS[packed](PRODUCTS["OTRS 6"])[:-300])
    assert result.exit_code == 2
    assert "cannot be unpacked" in result.stderr or "holds no rows" in result.stderr
    assert {queue["name"] for queue in admin.list("queue")} == {"Junk", "Misc", "Postmaster", "Raw"}


MAILS = [
    mail("Rechnung 4711", to="verkauf@firma.example"),
    mail("[Fall#2026010145000017] still waiting", sender="ann@example.net"),
    mail("Hello", sender="bob@example.net"),
]


def mbox(folder: Path) -> Path:
    """A file with these messages."""
    path = folder / "sample.mbox"
    path.write_bytes(
        b"".join(b"From x@y Mon Nov 23 09:00:00 2026\n" + raw.replace(b"\r\n", b"\n") + b"\n" for raw in MAILS)
    )
    return path


def with_tickets() -> bytes:
    """A dump with a ticket, and with a filter that loses something here."""
    row = "1 2026010145000017 Old 5 1 1 0 0 1 1 3 4 ACME ann@example.net 0"
    columns = (
        "id tn title queue_id ticket_lock_id type_id service_id sla_id user_id responsible_user_id ticket_priority_id "
        "ticket_state_id customer_id customer_user_id until_time"
    )
    return mysqldump({**PRODUCTS["OTRS 6"], "ticket": (columns, [row.split()])}).encode()


def test_a_rehearsal_shows_both_sides_and_changes_nothing(app: Flask, run: Run, admin: Admin, tmp_path: Path) -> None:
    dump = tmp_path / "desk.sql"
    dump.write_bytes(with_tickets())
    result = run("import", "otrs", "--compare", str(dump), str(mbox(tmp_path)), "--json")
    assert result.exit_code == 0, result.stdout + result.stderr
    first, second, third = result.json_lines
    assert first["here"] == {
        "outcome": "new",
        "queue": "Verkauf::Über",
        "state": "wartet auf Müller",
        "priority": "3 normal",
        "customer": "ada@example.net",
        "follow_up_of": "",
    }
    assert (second["here"]["outcome"], second["here"]["follow_up_of"]) == ("follow-up", "2026010145000017")
    assert third["same"] is True
    with app.app_context():
        assert audit_log() == []
    assert {queue["name"] for queue in admin.list("queue")} == {"Junk", "Misc", "Postmaster", "Raw"}


def test_a_rehearsal_names_what_differs(run: Run, tmp_path: Path) -> None:
    dump = tmp_path / "desk.sql.gz"
    dump.write_bytes(FORMS["mysqldump --hex-blob, gzip"](PRODUCTS["OTRS 6"]))
    run("setting", "set", "PostmasterDefaultPriority", "5 very high")
    result = run("import", "otrs", "--compare", str(dump), str(mbox(tmp_path)))
    assert result.exit_code == 1
    assert "5 very high (there: 3 normal)" in result.stdout
    assert "0 the same, 3 differ. Nothing was changed." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--compare", "{dump}"), "--compare and MBOX go together"),
        (("{dump}", "{mbox}"), "--compare and MBOX go together"),
        (("--compare", "--dry-run", "{dump}", "{mbox}"), "goes with neither"),
        (("--closed-within", "3", "{dump}"), "--closed-within goes with"),
        (("--compare", "{dump}", "{dump}"), "holds no messages"),
    ],
)
def test_wrong_usage_is_refused(run: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    dump = tmp_path / "desk.sql"
    dump.write_bytes(with_tickets())
    result = run("import", "otrs", *(word.format(dump=dump, mbox=mbox(tmp_path)) for word in arguments))
    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize("database", in_turns(["sqlite", "postgresql"], "rehearsal"))
def test_mail_goes_on_while_a_rehearsal_runs(
    request: pytest.FixtureRequest, environ: dict[str, str], mailbox: TestMailbox, tmp_path: Path, database: str
) -> None:
    if database == "postgresql":
        environ = {**environ, "POSTMASTER_DATABASE_URL": request.getfixturevalue("postgres").copy_database()}
    desk = Desk(runner_of(create_app(load_environment(environ))))
    desk.ok("db", "upgrade")
    desk.account(mailbox)
    dump, messages = tmp_path / "desk.sql", tmp_path / "sample.mbox"
    dump.write_bytes(with_tickets())
    one = b"From x@y Mon Nov 23 09:00:00 2026\n" + mail("y" * 900).replace(b"\r\n", b"\n") + b"\n"
    messages.write_bytes(one * 300)
    command = [*COMMAND, "import", "otrs", "--compare", str(dump), str(messages), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout
        process.stdout.readline()  # it is under way, and waits, since nobody reads what it has to say
        mailbox.deliver(mail("fetched meanwhile"))
        assert desk.fetch_one()["new"] == 1
        assert desk.ok("read", "--json", input=mail("read meanwhile")).json["outcome"] == "new"
        desk.ok("queue", "add", "--name", "Added meanwhile")
        assert process.poll() is None
        assert process.stdout.read().count(b"\n") == 299
    assert {row["title"] for row in desk.tickets()} == {"fetched meanwhile", "read meanwhile"}

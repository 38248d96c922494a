"""The customer directory by the command line, by mail that comes, and by the schedule."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from postmaster.database import dialect_of, read_session
from postmaster.desk.customers import entry_query
from postmaster.extensions import now
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.customers import read_again
from tests.ledger.test_plans import plan_of
from tests.support import Desk, mail

DIRECTORY = """address,login,number
Ada@Example.NET,ada,4711
*@example.net,company,
*@müller.example,mueller,99
"""
CONDITION = next(condition for condition in CONDITIONS if condition.name == "customers")


@pytest.fixture
def known(desk: Desk) -> Desk:
    """A desk that knows some customers."""
    desk.ok("customer", "import", input=DIRECTORY)
    return desk


def customer(desk: Desk, sender: str, *headers: str) -> tuple[str, str]:
    """Login and number that a new ticket gets."""
    taken = desk.ok("read", "--json", "--trusted", input=mail("hello", sender=sender, headers=headers)).json
    return taken["attributes"]["customer_user"], taken["attributes"]["customer_id"]


@pytest.mark.parametrize(
    ("sender", "login", "number"),
    [
        ("ada@example.net", "ada", "4711"),
        ("“ADA@EXAMPLE.NET”", "ada", "4711"),
        ("bob@example.net", "company", "bob@example.net"),
        ("x@xn--mller-kva.example", "mueller", "99"),
        ("bob@sub.example.net", "bob@sub.example.net", "bob@sub.example.net"),
    ],
)
def test_the_customer_of_a_new_ticket_is_whom_the_directory_names(
    known: Desk, sender: str, login: str, number: str
) -> None:
    assert customer(known, sender) == (login, number)


def test_a_header_says_more_than_the_directory_and_the_trace_names_the_entry(known: Desk) -> None:
    assert customer(known, "ada@example.net", "X-OTRS-CustomerNo: 1") == ("ada", "1")
    trace = known.ok("read", "--json", "--dry-run", input=mail("hello", sender="eve@example.net")).json["trace"]
    assert "The customer directory has *@example.net: the customer is company, number eve@example.net." in str(trace)


def test_what_is_exported_is_imported_again_without_a_change(known: Desk) -> None:
    exported = known.ok("customer", "export").stdout
    assert exported.splitlines()[0] == "address,login,number"
    assert sorted(exported.splitlines()[1:]) == [
        "*@example.net,company,", "*@müller.example,mueller,99", "ada@example.net,ada,4711",
    ]  # fmt: skip
    assert "3 entries; 0 of those before are gone" in known.ok("customer", "import", input=exported).stdout


def test_an_entry_is_shown_by_any_spelling_of_the_address(known: Desk) -> None:
    assert known.ok("customer", "show", "ADA@example.net", "--json").json["number"] == "4711"
    assert known.run("customer", "show", "x@elsewhere.example").exit_code == 2


REFUSED = {
    "no column": ("address;login\na@b.example;a\n", "Line 1 has no column number"),
    "no address": ("address,login,number\na@b.example,a,1\nsecret,b,2\n", "Line 3, column address: it is neither an"),
    "pattern elsewhere": ("address,login,number\nx*@b.example@c,a,1\n", "Line 2, column address: it is neither an"),
    "no login": ("address,login,number\na@b.example,,1\n", "Line 2, column login: it is empty"),
    "long number": (f"address,login,number\na@b.example,a,{'1' * 321}\n", "Line 2, column number: it is longer"),
    "twice": ("address;login;number\na@b.example;a;1\nA@B.example;b;2\n", "Line 3, column address: it is in line 2"),
    "not UTF-8": (b"address,login,number\na@b.example,\xff,1\n", "The file is not UTF-8"),
    "empty": ("", "Line 1 has no column address"),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_with_a_flaw_is_refused_as_a_whole(known: Desk, text: str | bytes, sentence: str) -> None:
    refused = known.run("customer", "import", "--yes", input=text)
    assert refused.exit_code == 2
    assert sentence in refused.stderr
    assert "secret" not in refused.stderr
    assert customer(known, "ada@example.net") == ("ada", "4711")


def test_a_file_that_lacks_more_than_half_has_to_be_confirmed(known: Desk) -> None:
    short = "address,login,number\nada@example.net,ada,4711\n"
    refused = known.run("customer", "import", input=short)
    assert refused.exit_code == 2
    assert "The file lacks 2 of the 3 entries that there are, more than half." in refused.stderr
    assert customer(known, "bob@example.net")[0] == "company"
    known.ok("customer", "import", "--yes", input=short)
    assert customer(known, "bob@example.net")[0] == "bob@example.net"


def test_a_dry_run_checks_and_changes_nothing(known: Desk) -> None:
    assert (
        "1 entry is right."
        in known.ok("customer", "import", "--dry-run", input="address,login,number\na@b.example,a,1\n").stdout
    )
    assert customer(known, "ada@example.net") == ("ada", "4711")


def problem(app: Flask) -> str:
    """What the incident says after the schedule had its turn."""
    with app.app_context():
        read_again()
        with read_session() as session:
            found: Any = CONDITION.find(session, now())
            return found[0].sentence if found else ""


def test_the_schedule_reads_a_changed_file_and_an_incident_says_why_it_cannot(
    known: Desk, app: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "customers.csv"
    known.ok("setting", "set", "CustomerDirectoryFile", str(file))
    assert "cannot be read: No such file or directory" in problem(app)
    file.write_text(DIRECTORY.replace("4711", "0815"))
    assert problem(app) == ""
    assert customer(known, "ada@example.net") == ("ada", "0815")
    file.write_text("address,login,number\nbroken,x,\n")
    assert "Line 2, column address" in problem(app)
    file.write_text("address,login,number\nada@example.net,ada,1\n")
    assert "lacks 2 of the 3 entries" in problem(app)
    assert customer(known, "ada@example.net") == ("ada", "0815")
    known.ok("setting", "set", "CustomerDirectoryFile", "")
    assert problem(app) == ""


def test_the_setting_takes_whole_paths_only(known: Desk) -> None:
    assert known.run("setting", "set", "CustomerDirectoryFile", "customers.csv").exit_code == 2


def test_many_entries_are_read_in_little_memory_and_found_by_an_index(known: Desk, app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    with file.open("w") as out:
        out.write("address,login,number\n")
        out.writelines(f"user{number}@company{number % 1000}.example,u{number},{number}\n" for number in range(30_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    known.ok("customer", "import", "--yes", str(file))
    seconds = time.process_time() - start
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    assert seconds < 60
    with app.app_context(), read_session() as session:
        wanted = [f"user{number}@company{number}.example" for number in range(50)]
        plan = plan_of(session, entry_query(dialect_of(session)), addresses=wanted)
    assert "SCAN customer_entry" not in plan
    assert "Seq Scan" not in plan

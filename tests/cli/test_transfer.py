"""Export and import: free of secrets, in JSON or TOML, all or none, and without effect the second time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from postmaster import create_app
from postmaster.config import load_environment
from tests.cli.support import Admin
from tests.results import Result

NOUNS = ("queue", "address", "credential", "account")
FORMATS = ("json", "toml")


@pytest.fixture
def full(admin: Admin) -> Admin:
    """A system with something of everything."""
    admin.add_queue("Sales::Orders", follow_up="new-ticket", comment='Zwei\nZeilen, „ü“ and "quotes".')
    admin.add_address("orders@example.com", "Sales::Orders")
    admin.add_credential()
    admin.add_account(credential="C", port=1993, dispatching="queue", queue="Sales::Orders", trusted="yes")
    admin.add_account(credential="C", folder="Orders", ssl_verify="no")
    admin.add_account(credential="C", validity="invalid")
    admin.add_account(credential="C", validity="invalid", comment="Third on the same mailbox.")
    admin.add_account(host="other.example.com")
    admin.run("account", "add", "--type", "Outlook365", "--address", "info@example.com")
    return admin


@pytest.fixture
def elsewhere(tmp_path: Path) -> Admin:
    """Another system, empty."""
    elsewhere = {"POSTMASTER_DATA_DIR": str(tmp_path / "elsewhere"), "POSTMASTER_OUTLOOK_HOST": "outlook.example"}
    runner = create_app(load_environment(elsewhere)).test_cli_runner()

    def run(*args: object, input: str | None = None) -> Result:  # noqa: A002 - click's word
        result = runner.invoke(args=[str(arg) for arg in args], input=input)
        return Result(result.exit_code, result.stdout, result.stderr)

    return Admin(run)


def without(facts: Callable[[], list[dict[str, object]]], *names: str) -> list[dict[str, object]]:
    """Rows of a list without what may differ."""
    return [{key: value for key, value in row.items() if key not in names} for row in facts()]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_makes_the_same_system_elsewhere(full: Admin, elsewhere: Admin, form: str) -> None:
    for noun in NOUNS:
        document = full.run(noun, "export", "--format", form).stdout
        assert elsewhere.run(noun, "import", input=document).exit_code == 0
        assert elsewhere.run(noun, "export", "--format", form).stdout == document
    assert elsewhere.show("credential", "C")["health"] == "needs-password"
    assert elsewhere.show("account", 1)["health"] == "needs-credential"
    elsewhere.run("credential", "set", "C", "--password-stdin", input="secret")
    for noun in NOUNS:
        assert without(lambda: elsewhere.list(noun), "changed") == without(lambda: full.list(noun), "changed")  # noqa: B023


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("noun", NOUNS)
def test_importing_what_is_there_changes_nothing(full: Admin, noun: str, form: str) -> None:
    before = full.list(noun)
    result = full.run(noun, "import", "-", input=full.run(noun, "export", "--format", form).stdout)
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"unchanged"}
    assert full.list(noun) == before


def test_import_says_of_each_what_became_of_it(full: Admin, tmp_path: Path) -> None:
    items = [
        {"type": "IMAPS", "credential": "C", "host": "mail.example.com", "port": 993, "comment": "x"},
        {"type": "POP3", "host": "new.example.com"},
        {"type": "IMAPS", "credential": "C", "host": "MAIL.example.com", "folder": "Orders"},
    ]
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(items))
    assert full.run("account", "import", file).stdout.splitlines() == [
        "changed account 1 info@mail.example.com (port, comment)",
        "created account 7 new.example.com",
        "changed account 2 info@MAIL.example.com/Orders (host)",
    ]
    assert full.show("account", 1)["queue"] == "Sales::Orders"


def test_an_empty_field_is_cleared_and_a_missing_one_kept(admin: Admin) -> None:
    admin.add_queue("Sales", follow_up="reject", comment="Old.")
    admin.run("queue", "import", input='[[queue]]\nname = "Sales"\ncomment = ""\n')
    shown = admin.show("queue", "Sales")
    assert (shown["follow_up"], shown["comment"]) == ("reject", "")


def test_an_imported_credential_keeps_the_password_that_is_there(admin: Admin) -> None:
    admin.add_credential()
    document = admin.run("credential", "export").stdout.replace("info@example.com", "sales@example.com")
    assert admin.run("credential", "import", input=document).stdout == "changed credential 1 C (username)\n"
    assert admin.show("credential", "C")["health"] == "healthy"


def test_import_is_all_or_nothing_and_says_all_that_is_wrong(admin: Admin) -> None:
    items = [
        {"type": "IMAP", "host": "a.example"},
        {"type": "IMAP", "host": "b.example", "credential": "Nobody", "port": 0},
        {"type": "IMAP", "host": "c.example", "password": "x"},
    ]
    result = admin.run("account", "import", input=json.dumps({"account": items}))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "item 2: There is no credential “Nobody”." in result.stderr
    assert "item 2: Port is “0”" in result.stderr
    assert "item 3: There is no field “password”." in result.stderr
    assert "Nothing was imported." in result.stderr
    assert admin.list("account") == []


def test_two_valid_accounts_on_one_mailbox_are_not_imported(admin: Admin) -> None:
    admin.add_credential()
    item = {"type": "IMAP", "host": "mail.example.com", "credential": "C"}
    result = admin.run("account", "import", input=json.dumps([item, item]))
    assert (result.exit_code, "item 2: The mailbox" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("", "holds no list of resources under “account”"),
        ("nonsense", "is neither JSON"),
        ('{"account": [', "is neither JSON"),
        ("[" * 100_000, "is neither JSON"),
        ('{"queue": []}', "holds no list of resources under “account”"),
        ('{"account": [1]}', "holds no list of resources under “account”"),
        ("7", "holds no list of resources"),
        ('[{"type": [["IMAP"]]}]', "has a value for “type” in item 1"),
        ('[{"port": 1.5}]', "has a value for “port” in item 1"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(admin: Admin, document: str, sentence: str) -> None:
    result = admin.run("account", "import", input=document)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr


def test_a_file_that_is_not_there_is_wrong_usage(admin: Admin) -> None:
    assert admin.run("account", "import", "nowhere.json").exit_code == 2

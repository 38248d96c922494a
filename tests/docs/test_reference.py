"""docs/reference.md says what the code does: commands, exit codes, JSON, settings, environment, errors."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.docs.documents import PACKAGE, TOP, section
from tests.docs.reference import PAGE, PART, PARTS, made
from tests.support import Desk, mail

TEXT = PAGE.read_text()
FLASKS_OWN = {"db", "routes", "run", "shell"}
READ_BY_OTHERS = {"POSTMASTER_BIND", "WEB_CONCURRENCY", "HTTPS_PROXY", "NO_PROXY"}


def test_its_parts_are_as_the_tables_have_them(app: Flask) -> None:
    with app.app_context():
        assert made(TEXT) == TEXT, "Run: bin/reference"


def test_each_table_of_the_code_has_its_part() -> None:
    assert {name for _, name in PART.findall(TEXT)} == set(PARTS)


def test_its_overview_names_all_commands(app: Flask) -> None:
    overview = section("docs/reference.md", "Commands")
    missing = [name for name in set(app.cli.commands) - FLASKS_OWN if not re.search(rf"`(flask )?{name}\b", overview)]
    assert missing == []


def variables_read() -> set[str]:
    """The variables that the code of the configuration names."""
    files = [*PACKAGE.glob("config.py"), *PACKAGE.glob("config/*.py")]
    return {name for file in files for name in re.findall(r'"(POSTMASTER_[A-Z_]+)"', file.read_text())}


def test_the_environment_is_documented_as_it_is_read() -> None:
    rows = re.findall(r"^\| (.+?) \|", section("docs/reference.md", "Environment"), re.MULTILINE)
    assert {name for cell in rows for name in re.findall(r"`([A-Z_]+)`", cell)} == variables_read() | READ_BY_OTHERS


def documented(command: str) -> set[str]:
    """The names in the first column of the table below ``command``."""
    below = section("docs/reference.md", "JSON").split(f"**`{command}`**")[1].split("\n**`")[0]
    cells = re.findall(r"^\| (`.+?) \|", below, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.fixture
def message() -> bytes:
    return mail("order 7", sender="Ada Lovelace <ada@example.net>")


def test_json_of_a_fetch_is_as_documented(desk: Desk) -> None:
    desk.add_account(type="IMAP", host="127.0.0.1", port=1, credential=desk.credential("orders", "x"))
    [row] = desk.fetch(code=1)["accounts"]
    assert set(row) == documented("flask fetch --json") - {"messages", "server_offer"}


def test_json_of_a_pipe_is_as_documented(desk: Desk, message: bytes) -> None:
    assert set(desk.ok("read", "--json", input=message).json) == documented("flask read --json")


def test_json_of_a_search_is_as_documented(desk: Desk, message: bytes) -> None:
    desk.ok("read", input=message)
    [found] = desk.ok("mail", "find", "--json").json_lines
    shown = desk.ok("mail", "show", found["id"], "--json").json
    assert set(found) < set(shown)
    assert set(shown) == documented("flask mail find --json")


def test_json_of_the_status_is_as_documented(desk: Desk) -> None:
    assert set(desk.ok("status", "--json").json) == documented("flask status --json")


def test_the_readme_is_short() -> None:
    assert len((TOP / "README.md").read_text().split()) <= 700

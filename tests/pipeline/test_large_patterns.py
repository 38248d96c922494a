"""No pattern takes the memory of the machine, whatever its syntax: neither when it is entered nor when it is stored."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from postmaster.database import transaction
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.patterns import weigh
from tests.servers.flask_process import FlaskProcesses
from tests.support import Desk, mail

LARGE = {
    "plain": r"(?:\d{9999}){999}",
    "comments": "(?#[)(?:a{9999}){999}(?#])",
    "verbose": "(?x) [#] (?:a{9999}){999} #]",
    "verbose within": "(?x: (?:a{9999}) {999} )",
    "nested": "(?:(?:(?:a{99}){99}){99}){99}",
    "least": "(?:a{9999,}){999,}",
    "lazy": "(?:a{9999}?){999}?",
    "possessive": "(?:a{9999}+){999}+",
    "atomic": "(?>a{9999}){999}",
    "look ahead": "(?=(?:a{9999}){999})",
    "look behind": "(?<=(?:a{9999}){999})",
    "conditional": "(b)?(?(1)(?:a{9999}){999}|c)",
    "named": "(?P<x>a{9999}){999}",
    "alternatives": "(?:a{9999}|b{9999}){999}",
    "branch reset": "(?|(?:a{9999}){999}|b)",
    "sets": "(?:[a-z0-9_]{9999}){999}",
    "properties": r"(?:\p{L}{9999}){999}",
    "large properties": r"(?:[\p{L}\p{N}\p{P}]{9999}){999}",
    "escaped bracket": r"\[(?:a{9999}){999}\]",
    "bracket in a set": "[]](?:a{9999}){999}[]]",
    "address": "EMAILADDRESS:(?:a{9999}){999}",
}

# Bytes that a command may have here.
MEMORY = 1_500_000 << 10

# What the library knows and Perl does not.
UNKNOWN = {
    "set operations": "(?V1)(?:[[a-z]--[b]]{9999}){999}",
    "fuzzy": "(?e)(?:(?:(?:abc){e<=3}){9999}){999}",
    "best fuzzy": "(?b)(?:(?:a{9999}){i<=3}){999}",
    "backwards": "(?r)(?:a{9999}){999}",
    "full case": "(?f)(?:\ufb03{9999}){999}",
}

SMALL = {
    "number": r"\[#(\d{6,10})\]",
    "date": r"\d{4}-\d{2}-\d{2}",
    "many": r"a{9999}",
    "fuzzy": "(?:invoice){e<=2}",
    "verbose": "(?x) invoice # that is all",
    "braces": "(?x)(?:a{9 999}){99 9}",
    "property": r"\p{Lu}{2,}",
    "recursion": r"\((?:[^()]++|(?R))*+\)",
    "conditional": "(a)?b(?(1)c|d)",
}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        *(pytest.param(pattern, "to compile", id=name) for name, pattern in LARGE.items()),
        *(pytest.param(pattern, "cannot be used here", id=f"{name}, unknown") for name, pattern in UNKNOWN.items()),
    ],
)
def test_a_pattern_that_takes_too_much_is_refused(desk: Desk, pattern: str, why: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = desk.run("filter", "add", "--name", "F", "--match", f"Subject={pattern}")
    assert result.exit_code == 2
    assert why in result.stderr
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("pattern", SMALL.values(), ids=SMALL)
def test_a_pattern_of_everyday_is_taken(desk: Desk, pattern: str) -> None:
    desk.ok("filter", "add", "--name", "F", "--match", f"Subject={pattern}")


def test_a_document_to_import_is_refused_as_well(desk: Desk, tmp_path: Path) -> None:
    desk.ok("filter", "add", "--name", "F", "--match", "Subject=PATTERN")
    document = tmp_path / "filters.toml"
    document.write_text(desk.ok("filter", "export").stdout.replace("PATTERN", LARGE["comments"]))
    result = desk.run("filter", "import", document)
    assert result.exit_code == 2
    assert "to compile" in result.stderr


def store(app: Flask, name: str, *conditions: str) -> None:
    """Put conditions into the row, as an earlier version did."""
    with app.app_context(), transaction() as session:
        row = update(PostmasterFilter).where(PostmasterFilter.name == name)
        session.execute(row.values(match=list(conditions)))


@pytest.mark.parametrize("pattern", [LARGE["comments"], LARGE["verbose"], "(", LARGE["properties"]])
def test_one_that_is_stored_is_skipped_and_told_and_the_others_go_on(
    app: Flask, desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses, pattern: str
) -> None:
    desk.ok("filter", "add", "--name", "A", "--match", "Subject=hello", "--set", "X-OTRS-Queue=Junk")
    desk.ok("filter", "add", "--name", "B", "--match", "Subject=hello", "--set", "X-OTRS-Queue=Misc")
    store(app, "A", f"Subject={pattern}")
    done = flask_process(environ, "read", "--json", input=mail("hello"), memory=MEMORY)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert '"queue": "Misc"' in shown
    assert "The filter “A” cannot be used and was skipped." in shown
    checked = desk.run("alert", "check").stdout
    assert "The filter “A” cannot be used" in checked
    desk.ok("filter", "set", "A", "--match", "Subject=x")
    assert "The filter “A”" not in desk.run("alert", "check").stdout


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The conditions that were weighed in this process."""
    noted: list[str] = []

    def note(condition: str) -> int:
        noted.append(condition)
        return weigh(condition)

    monkeypatch.setattr("postmaster.pipeline.filters.loading.weigh", note)
    return noted


@pytest.mark.parametrize(
    "each",
    [r"(?:\d{{9{:03}}}){{9}}", r"(?:\d{{9{:03}}}){{999}}", r"(?:\d{{9{:03}}}){{9}}("],
    ids=["fits alone", "fits not", "is none"],
)
def test_many_that_are_stored_take_no_more_together_than_they_may_and_are_not_all_weighed(
    app: Flask, desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses, weighed: list[str], each: str
) -> None:
    desk.ok("filter", "add", "--name", "A", "--match", "Subject=x", "--set", "X-OTRS-Queue=Junk")
    store(app, "A", *(f"Subject={each.format(number)}" for number in range(60)))
    done = flask_process(environ, "read", input=mail("hello"), memory=MEMORY)
    assert done.returncode == 0, done.stderr
    assert "The filter “A” cannot be used" in desk.run("alert", "check").stdout
    assert 0 < len(weighed) < 60

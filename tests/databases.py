"""Which tests run on which database: the embedded one, PostgreSQL, one of them by turns, or both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.turns import in_turns

TESTS = Path(__file__).parent

KINDS = ("sqlite", "postgresql")

# Whose turn it is in bin/test: a case takes three times as long on PostgreSQL.
TURNS = (*KINDS, "sqlite")

# What decides, records and schedules: each case runs on one of both in bin/test, by turns, and on both in bin/soak.
IN_TURNS = {
    "accounts",
    "operations",
    "outbox",
    "system",
    "cli/test_conversations.py",
    "cli/test_customer.py",
    "cli/test_ticket.py",
    "fetching/test_batches.py",
    "fetching/test_fetch.py",
    "fetching/test_lease.py",
    "fetching/test_read.py",
    "ledger/test_quarantine.py",
    "pipeline/test_external_numbers.py",
    "pipeline/test_followups.py",
    "pipeline/test_headers.py",
}

# What is about the databases themselves: plans, ids, rows in bulk, tables that a later version made.
ON_BOTH = {
    "ledger/test_plans.py",
    "ledger/test_search.py",
    "test_bulk.py",
    "test_ids.py",
    "test_unknown_schema.py",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """bin/test and bin/soak go by both, each in its way."""
    parser.addoption("--database", choices=(*KINDS, "both"), default="sqlite", help="what the app keeps mail in")


@cache
def names_of(path: Path) -> set[str]:
    """The file and its folder, as they are named above."""
    inside = path.relative_to(TESTS)
    return {inside.as_posix(), inside.parts[0]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have what is to run on both databases do so, and what is about one of them on that one, whichever is chosen."""
    if "new_database" in metafunc.fixturenames and (kinds := kinds_of(metafunc)):
        metafunc.parametrize("new_database", kinds, indirect=True)


def kinds_of(metafunc: pytest.Metafunc) -> Sequence[str]:
    """The databases that its cases run on, before turns are taken; none if that is the one that was chosen."""
    about = metafunc.definition.get_closest_marker("database")
    if about is not None:
        return about.args
    both = metafunc.config.getoption("database") == "both"
    return KINDS if both and names_of(metafunc.definition.path) & (IN_TURNS | ON_BOTH) else ()


def take_turns(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each case of what goes by turns on the database whose turn it is."""
    parted: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        parted[has_its_turn(item)].append(item)
    config.hook.pytest_deselected(items=parted[False])
    items[:] = parted[True]


def has_its_turn(item: pytest.Item) -> bool:
    """Whether it runs: all do but cases that go by turns, on the database whose turn it is not."""
    case = getattr(item, "callspec", None)
    kind = case.params.get("new_database") if case else None
    if kind is None or item.get_closest_marker("database") or not names_of(item.path) & IN_TURNS:
        return True
    return kind in in_turns(TURNS, item.nodeid.replace(kind, ""))

"""docs/monitoring.md, which ops read, says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from postmaster.accounts.models import AccountState
from postmaster.database import read_session, transaction
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.metrics import render_metrics
from tests.support import Desk

PAGE = (Path(__file__).parents[1] / "docs" / "monitoring.md").read_text()

# Type, labels and meaning of each metric, by its name.
Rows = dict[str, tuple[str, set[str], str]]


def row_of(columns: str) -> list[str]:
    """The cells of a row of a table."""
    return [cell.strip() for cell in columns.strip("| \n").split(" |")]


@pytest.fixture
def families(app: Flask, desk: Desk) -> Rows:
    """The metrics of an app with an account that ran and an outlet."""
    number = desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential("orders", "x"))
    desk.ok("outlet", "add", "--name", "desk", "--url", "https://desk.example.com/")
    with app.app_context():
        with transaction() as session:
            session.add(AccountState(account_id=int(number), last_run_seconds=2.5))
        with read_session() as session:
            found = list(text_string_to_metric_families(render_metrics(session).decode()))
    return {family.samples[0].name: (family.type, _labels(family), family.documentation) for family in found}


def _labels(family: Any) -> set[str]:
    return {name for sample in family.samples for name in sample.labels}


def test_its_table_has_all_metrics_with_what_they_mean(families: Rows) -> None:
    rows = [row_of(line) for line in PAGE.splitlines() if line.startswith("| `postmaster_")]
    assert {
        name.strip("`"): (kind, set(re.findall(r"\w+", labels)), words) for name, kind, labels, words in rows
    } == families


def test_its_alert_rules_ask_for_metrics_that_there_are(families: Rows) -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    [rules] = [group["rules"] for block in blocks for group in block.get("groups", [])]
    asked = {name for rule in rules for name in re.findall(r"postmaster_\w+", rule["expr"])}
    assert len(rules) > 3
    assert asked <= set(families)


def test_its_table_has_all_that_is_told(families: Rows) -> None:
    assert families
    told = re.findall(r"^\| `(\w+)` \|", PAGE[PAGE.index("## What PostMaster tells") :], re.MULTILINE)
    assert told == [condition.name for condition in CONDITIONS]

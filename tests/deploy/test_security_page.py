"""What SECURITY.md says is proved by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_each_row_names_tests_that_there_are() -> None:
    table = re.findall(r"^\|.*\|$", (TOP / "SECURITY.md").read_text(), re.MULTILINE)[2:]
    there = {
        node.name
        for file in (TOP / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    named = [re.findall(r"`(test_\w+)`", row.rpartition("| ")[2]) for row in table]
    assert len(table) > 20
    assert all(named)
    assert {name for names in named for name in names} - there == set()

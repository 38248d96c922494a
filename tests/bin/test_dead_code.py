"""What finds dead code knows what templates and frameworks use."""

from __future__ import annotations

from pathlib import Path

from tests.dead_code import unused_names


def test_what_neither_code_nor_templates_nor_frameworks_use_is_found(tmp_path: Path) -> None:
    (tmp_path / "postmaster").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{{ row.shown }}")
    source = """
LEFT_OVER = 1

class Row:
    shown = 2
    unseen = 3

@blueprint.get("/")
def page():
    return Row
"""
    (tmp_path / "postmaster" / "rows.py").write_text(source)
    found = unused_names(tmp_path)
    assert [line.partition(" (")[0] for line in found] == [
        "postmaster/rows.py:2: unused variable 'LEFT_OVER'",
        "postmaster/rows.py:6: unused variable 'unseen'",
    ]

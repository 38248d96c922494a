"""docs/decisions/: one record per decision, each with what it costs, all of them in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import TOP

FOLDER = TOP / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PARTS = ["Context", "Decision", "Price", "Measured"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_each_record_has_its_four_parts(record: Path) -> None:
    assert re.findall(r"^\*\*(\w+):\*\* ", record.read_text(), re.MULTILINE) == PARTS


def test_the_index_names_all_records_by_number_and_title() -> None:
    index = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    titles = [record.read_text().splitlines()[0].removeprefix("# ") for record in RECORDS]
    assert [f"{number}. {title}" for number, title, _ in index] == titles
    assert [name for _, _, name in index] == [record.name for record in RECORDS]

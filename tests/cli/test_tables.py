"""Tables for people: long ones come in pieces, and show what was entered as it is."""

from __future__ import annotations

import pytest

from postmaster.cli import tables


def test_a_long_table_is_one_table_and_reads_only_a_piece_ahead(capsys: pytest.CaptureFixture[str]) -> None:
    read = 0

    def rows() -> object:
        nonlocal read
        for number in range(3 * tables.TABLE_PIECE):
            read += 1
            yield number, "x"
            assert read <= number + tables.TABLE_PIECE

    tables.print_table(("id", "name"), rows())  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 * tables.TABLE_PIECE + 1
    assert lines.count("id   name") == 1
    assert {line.index("x") for line in lines[1:]} <= {5, 6}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "yes"), ("[red]x", "[red]x"), ("a\x1b[2Jb", "a�[2Jb"), ("字", "字"), ("x" * 300, "x" * 300)],
)
def test_a_cell_is_shown_as_it_is_but_controls_nothing(
    capsys: pytest.CaptureFixture[str], value: object, shown: str
) -> None:
    tables.print_table(("a", "b"), [[value, "|"]])
    assert capsys.readouterr().out.splitlines()[1].split("|")[0].rstrip() == shown

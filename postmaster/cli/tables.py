"""Tables for people, on a terminal and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

import click
from rich.cells import cell_len

from postmaster.cli.base import plain

RowT = TypeVar("RowT")

# Rows that are laid out together, and the width that a column of them keeps on a terminal, if it has as much in it.
TABLE_PIECE = 500
MINIMUM_WIDTH = 30


def print_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """A table for people; what comes from mail or from users is shown as it is, never taken for markup.

    It is printed in pieces, so that a long list does not fill memory; columns of later pieces are as wide as before.
    In a pipe nothing wraps and nothing is cut off.
    """
    pieces = batched((tuple(plain(cell) for cell in row) for row in rows), TABLE_PIECE)
    widths = [len(column) for column in columns]
    for number, piece in enumerate(chain([next(pieces, [])], pieces)):
        cells = zip(*piece, strict=True) if piece else [()] * len(widths)
        widths = [max([width, *map(cell_len, column)]) for width, column in zip(widths, cells, strict=True)]
        header = tuple(columns) if number == 0 and any(columns) else None
        if sys.stdout.isatty():
            _print_rich(header, widths, piece)
        else:
            _print_plain(widths, [header, *piece] if header else piece)


def _print_rich(header: tuple[str, ...] | None, widths: list[int], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=header is not None)
    for position, width in enumerate(widths):
        table.add_column(header[position] if header else "", min_width=min(width, MINIMUM_WIDTH))
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


def _print_plain(widths: list[int], rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def batched(rows: Iterable[RowT], size: int) -> Iterator[list[RowT]]:
    """``rows`` in lists of ``size``; the last one may be shorter."""
    iterator = iter(rows)
    while piece := list(islice(iterator, size)):
        yield piece
